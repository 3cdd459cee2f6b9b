//! Owns the start of the tablet: styles, the display stays on, the line to the node. There is no service worker: nothing is kept.
import { render } from "preact";
import "../shared/css/tokens.css";
import "../shared/css/base.css";
import "../shared/css/controls.css";
import "../shared/css/data.css";
import "../shared/css/feedback.css";
import "../shared/css/sas.css";
import "./style.css";
import "../shared/ui/theme.ts";
import { keepAwake } from "../shared/device/wake.ts";
import { App } from "./app.tsx";
import { start } from "./state.ts";

render(<App />, document.body);
keepAwake();
void start();
