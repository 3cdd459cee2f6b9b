//! Owns the start of the shop: styles, links, worker, first question to the server.
import { render } from "preact";
import "../shared/css/tokens.css";
import "../shared/css/base.css";
import "../shared/css/controls.css";
import "../shared/css/data.css";
import "../shared/css/feedback.css";
import "../shared/css/sas.css";
import "./style.css";
import "../shared/ui/theme.ts";
import { followLinks } from "../shared/ui/route.ts";
import { App } from "./app.tsx";
import { start } from "./state.ts";

const OURS = ["/c", "/t", "/scan", "/bookmarks", "/me"];

followLinks((path) => path === "/" || OURS.includes(path) || path.startsWith("/dialogue/") || path.startsWith("/h/"));
render(<App />, document.body);
void start();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => undefined);
