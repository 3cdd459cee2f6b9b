//! HTTP on the wire: problem details, and every route of node and cloud declared once with its bodies and who may call it.
//!
//! Servers mount what [`node::ROUTES`] and [`cloud::ROUTES`] list (a test compares), OpenAPI is generated from the same rows.

pub mod cloud;
pub mod node;
pub mod tablet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// RFC 9457 problem details; also the body of a device's error topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Problem {
    /// `/problems/{code}`: a page that explains it.
    #[serde(rename = "type")]
    pub type_: String,
    pub title: String,
    pub status: u16,
    /// Stable reason in snake_case, e.g. `expired`, `replayed`, `wrong_store`.
    pub code: String,
    pub detail: Option<String>,
    /// The field at fault, as a JSON pointer (`/price/minor`) or header name.
    pub field: Option<String>,
    /// Reference number to tell support; also in the log and the trace.
    pub instance: String,
    /// All faults, where a body has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct FieldError {
    pub field: String,
    pub reason: String,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anyone.
    Public,
    /// Cookie of a signed-in customer.
    Customer,
    /// Cookie of a signed-in member of staff.
    Staff,
    /// Cookie of a device session at the node.
    Device,
    /// `Authorization: Bearer` key that lies on the box beside the journal, from the box itself.
    Operator,
    /// Visit token in the path: who holds it acts for the visit.
    Visit,
    /// `Authorization: Bearer` key of an integration.
    Integration,
    /// `Authorization: Aisle-Node` proof of a store's node, over path, time and body.
    Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// One route as documented and mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// With `{parameters}`.
    pub path: &'static str,
    pub auth: Auth,
    /// JSON Schema names of the bodies; `None` for no body.
    pub request: Option<&'static str>,
    pub status: u16,
    pub response: Option<&'static str>,
    /// SSE events sent, `(event, body)`; empty for plain routes.
    pub events: &'static [(&'static str, &'static str)],
    pub summary: &'static str,
}

/// Shorthand for the route tables.
const fn route(
    method: Method,
    path: &'static str,
    auth: Auth,
    request: Option<&'static str>,
    status: u16,
    response: Option<&'static str>,
    summary: &'static str,
) -> Route {
    Route { method, path, auth, request, status, response, events: &[], summary }
}

/// Shorthand for SSE routes.
const fn stream(path: &'static str, auth: Auth, events: &'static [(&'static str, &'static str)], summary: &'static str) -> Route {
    Route { method: Method::Get, path, auth, request: None, status: 200, response: None, events, summary }
}
