//! Owns the start of the console: styles, links, first question to the server.
import { render } from "preact";
import "../shared/css/tokens.css";
import "../shared/css/base.css";
import "../shared/css/controls.css";
import "../shared/css/data.css";
import "../shared/css/feedback.css";
import "../shared/css/scene.css";
import "./style.css";
import "./editor.css";
import "../shared/ui/theme.ts";
import { followLinks } from "../shared/ui/route.ts";
import { App } from "./app.tsx";
import { start } from "./state.ts";

followLinks((path) => path === "/console" || path.startsWith("/console/"));
render(<App />, document.body);
void start();
