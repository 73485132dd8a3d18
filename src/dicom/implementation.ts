/**
 * Who we say we are, in associations (PS3.7 §D.3.3.2) and in files (0002,0012): a UID made from a
 * UUID (PS3.5 §B.2), ours for good.
 */
export const implementationClassUid = '2.25.313499592823685956658977051124116068669';

/** Version name for (0002,0013) and PS3.7 §D.3.3.2.3; at most 16 characters. */
export const implementationVersionName = 'DRAWBRIDGE_0_1';
