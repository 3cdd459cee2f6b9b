//! Owns the living page of every component, twice side by side: light and dark, in both languages.
//! Takes nothing from a server. A component that is not shown here does not belong to the system.
import { render } from "preact";
import "../shared/css/tokens.css";
import "../shared/css/base.css";
import "../shared/css/controls.css";
import "../shared/css/data.css";
import "../shared/css/feedback.css";
import "../shared/css/scene.css";
import "./style.css";
import { Guide } from "./guide.tsx";

render(<Guide />, document.body);
