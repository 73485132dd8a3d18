/** How the page at `/docs` looks: colours of the project's picture, by day and by night, and on paper. */
export const docsStyle = `
:root {
  color-scheme: light dark;
  --ink: #1d2b3a; --soft: #54677b; --paper: #ffffff; --card: #f6f8fa; --line: #d8e0e8;
  --accent: #7d5f17; --get: #2c6494; --post: #7d5f17; --code: #eef2f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #dfe7ef; --soft: #9db0c3; --paper: #11181f; --card: #18212a; --line: #2c3945;
    --accent: #d9b45a; --get: #6faedb; --post: #d9b45a; --code: #212d38;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body {
  margin: 0; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif;
}
a { color: var(--get); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace; font-size: 0.86em; }
pre { overflow-x: auto; margin: 0.6rem 0; padding: 0.8rem 1rem; border-radius: 6px; background: var(--code); }
.frame { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 82rem; margin: 0 auto; }
nav {
  position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto;
  padding: 1.6rem 1rem 2rem 1.4rem; border-right: 1px solid var(--line); font-size: 0.86rem;
}
nav strong { display: block; margin: 1.1rem 0 0.25rem; color: var(--accent); font-weight: 600; }
nav a { display: block; padding: 0.16rem 0; color: var(--soft); text-decoration: none; }
nav a:hover { color: var(--ink); text-decoration: underline; }
main { padding: 1.6rem 2.2rem 5rem; min-width: 0; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2.8rem 0 0.2rem; font-size: 1.3rem; }
h3 { margin: 1.3rem 0 0.3rem; font-size: 0.95rem; }
.lead { margin: 0.3rem 0 1.2rem; color: var(--soft); font-size: 1.1rem; }
.soft { color: var(--soft); }
p { margin: 0.5rem 0; max-width: 46rem; }
details.operation, details.schema {
  margin: 0.55rem 0; border: 1px solid var(--line); border-radius: 8px; background: var(--card);
}
details > summary { padding: 0.6rem 0.9rem; cursor: pointer; list-style: none; }
details > summary::-webkit-details-marker { display: none; }
details.operation > summary { display: grid; grid-template-columns: 3.6rem minmax(0, 1fr) auto; gap: 0 0.8rem; align-items: baseline; }
summary:focus-visible { outline: 2px solid var(--get); outline-offset: 2px; border-radius: 8px; }
summary code { overflow-wrap: anywhere; }
.title { color: var(--soft); font-size: 0.9rem; text-align: right; }
.method { font: 600 0.78rem/1.5 ui-monospace, Menlo, 'DejaVu Sans Mono', monospace; letter-spacing: 0.04em; text-align: center; color: var(--paper); border-radius: 4px; }
.method.get { background: var(--get); }
.method.post { background: var(--post); }
.variable { color: var(--accent); }
.inside { padding: 0.2rem 1rem 1rem; border-top: 1px solid var(--line); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 0.35rem 0.9rem 0.35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:first-child { white-space: nowrap; }
td code { overflow-wrap: anywhere; }
.status { font-weight: 600; }
.status.good { color: var(--get); }
@media (max-width: 60rem) {
  .frame { display: block; }
  nav { display: none; }
  main { padding: 1.2rem 1rem 4rem; }
  details.operation > summary { grid-template-columns: 3.6rem minmax(0, 1fr); }
  .title { grid-column: 2; text-align: left; }
}
@media print { nav { display: none; } .frame { display: block; } }
`;
