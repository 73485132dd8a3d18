import type { Uid } from '../dicom/uid.ts';
import type { QidoQuery } from './qido-query.ts';

/** Levels of the information model that DICOMweb resources stand at. */
export type ResourceLevel = 'study' | 'series' | 'instance';

/** A study, a series of it, or an instance of that. */
export interface ResourceSelector {
  readonly studyInstanceUid: Uid;
  readonly seriesInstanceUid?: Uid;
  readonly sopInstanceUid?: Uid;
}

/** One instance, fully named. */
export interface InstancePath extends ResourceSelector {
  readonly seriesInstanceUid: Uid;
  readonly sopInstanceUid: Uid;
}

/** PS3.18 §10.6. */
export interface SearchRequest {
  readonly kind: 'search';
  /** Of the results. */
  readonly level: ResourceLevel;
  readonly studyInstanceUid?: Uid;
  readonly seriesInstanceUid?: Uid;
  readonly query: QidoQuery;
}

/** PS3.18 §10.4, the instances themselves. */
export interface RetrieveRequest {
  readonly kind: 'retrieve';
  readonly selector: ResourceSelector;
  /** `single` for WADO-URI, which asks for one object without multipart around it. */
  readonly framing: 'multipart' | 'single';
  /** `*` is as stored; `undefined` leaves it to the standard's default. */
  readonly transferSyntax?: string;
  /** The same in the next best form the client takes, for an archive that cannot give it in this one. */
  readonly otherwise?: RetrieveRequest;
}

export interface MetadataRequest {
  readonly kind: 'metadata';
  readonly selector: ResourceSelector;
}

export interface FramesRequest {
  readonly kind: 'frames';
  readonly selector: InstancePath;
  /** Counted from 1. */
  readonly frames: readonly number[];
  /** The media type of the parts and, where named, their transfer syntax (`*` is as stored). */
  readonly mediaType: string;
  readonly transferSyntax?: string;
  /** The same in the next best form the client takes, for an archive that cannot give it in this one. */
  readonly otherwise?: FramesRequest;
}

export interface BulkDataRequest {
  readonly kind: 'bulkdata';
  readonly selector: InstancePath;
  /** Tags and item numbers in turn, such as `54000100/1/54001010`. */
  readonly path: string;
  /** Acceptable media types of the parts, best first. */
  readonly mediaTypes: readonly string[];
}

/** PS3.18 §10.4.1.1.3 and §10.4.1.1.4: pictures for people. */
export interface RenderedRequest {
  readonly kind: 'rendered' | 'thumbnail';
  readonly selector: ResourceSelector;
  readonly frames?: readonly number[];
  readonly mediaType: string;
  /** Bounded and written by us: viewport, quality, window. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** PS3.18 §10.5. */
export interface StoreInstancesRequest {
  readonly kind: 'store';
  readonly studyInstanceUid?: Uid;
}

/** What a viewer may ask of an archive. Whatever else a client sends has no form to travel in. */
export type DicomwebRequest =
  | SearchRequest
  | RetrieveRequest
  | MetadataRequest
  | FramesRequest
  | BulkDataRequest
  | RenderedRequest
  | StoreInstancesRequest;
