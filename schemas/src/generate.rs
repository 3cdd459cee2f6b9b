//! What is generated from the declarations: JSON Schema, AsyncAPI 3, OpenAPI 3.1, TypeScript and the golden examples.
//!
//! Owns the rendering; takes the declarations of this crate; emits `(path, contents)` pairs that are committed and compared by a test.
//! Cannot fail at run time: a name that a topic or route uses and no type bears is caught by the tests below.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use ts_rs::TS;

use crate::{
    blob::*,
    content::*,
    document::*,
    emergency::*,
    fact::*,
    golden,
    handshake::*,
    http::{Auth, FieldError, Method, Problem, Route, cloud, cloud::*, node, node::*, tablet::*},
    ids::*,
    log::*,
    nfc::*,
    offer::*,
    product::*,
    record::RECORD_TYPES,
    screen::*,
    store::*,
    sync::{Ack, BatchHeader, Hello, Presence, State, Welcome},
    text::*,
    topic::{DECLARATIONS, DeviceKind, Publisher},
    trip::*,
    visit::*,
};

/// Files to commit, as paths below the repository's root.
pub fn all() -> Vec<(String, String)> {
    let schemas = definitions();
    let mut files = vec![
        ("schemas/generated/schema.json".to_owned(), pretty(&json_schema(&schemas))),
        ("schemas/generated/asyncapi.json".to_owned(), pretty(&asyncapi(&schemas))),
        ("schemas/generated/openapi-node.json".to_owned(), pretty(&openapi("aisle store node", node::ROUTES, &schemas))),
        ("schemas/generated/openapi-cloud.json".to_owned(), pretty(&openapi("aisle cloud", cloud::ROUTES, &schemas))),
        ("web/shared/types.ts".to_owned(), typescript()),
    ];
    for (name, example) in golden::examples() {
        files.push((format!("schemas/golden/{name}.json"), pretty(&example)));
    }
    files
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values always print");
    text.push('\n');
    text
}

macro_rules! wire_types {
    (both: $($both:ident),* ; schema only: $($schema:ident),*) => {
        fn register(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$((stringify!($both), generator.subschema_for::<$both>()),)* $((stringify!($schema), generator.subschema_for::<$schema>()),)*]
        }
        fn typescript_types() -> Vec<String> {
            let config = ts_rs::Config::default();
            vec![$(declaration::<$both>(&config),)*]
        }
    };
}

wire_types! {
    both:
    // ids and texts
    StoreId, ZoneId, ScreenId, DisplayId, TouchpointId, DeviceId, Sku, CategoryId, LayoutZoneId, EventSlug, EventId, CustomerId, VisitId,
    OfferId, CampaignId, CardId, DecisionId, CandidateId, PassId, BootId, TapId, DialogueId, ConsentId, VisitToken, NodeId, Language, LocalText,
    // content, offers
    SurfaceKind, PrivacyClass, ContentClass, Currency, Money, Content, ContentHash, MediaType, Blob, Product, OfferTarget, Variant, Offer,
    // products
    Gtin, PriceFrom, Measure, Unit, Pack, UnitPrice, CodeValue, InStoreCode, VariantOf, ShelfPlace, CareSymbol, CareText, ProductCare, StockLevel,
    ProductSheet, StoreProduct, ProductBatch, ProductsTaken, ProductFinding, StockReport, StockBatch, ProductSheets, CareView, VariantView, ScannedValue, ProductView,
    // trips
    TripId, LineIntent, TripLine, QuoteLineKind, QuoteLine, Quote, SignedQuote, CheckKind, CheckState, CheckReason, TripCheck, TripState, Trip,
    TripView, LineAdd, LineChange, TripStep, TripStepRequest, CheckResult, TillPayment, ExitRequest, ExitGranted, TripChanged, AuditDay,
    // signage
    LayoutZone, LayoutZoneKind, Layout, DayPart, DayPartException, Condition, Criterion, EventClock, EventKind, Every, Monthly, Recurrence, PlaylistItem, Playlist, SyncGroup, ScheduleEvent,
    OfferSubscription, ScreenProgramme,
    PlayRule, PlanItem, PlanZone, PlanSync, Denied, ScreenPlan, PlayOutcome, DisplayPower, CutBy, EngagementKind, Engagement, PlayDetail, Play,
    PlayReport, PlayAck, ScreenState, ScreenInteraction,
    InteractionKind, ScreenCommand, ScreenCommandKind, ScreenReport,
    // facts and emergencies
    FactReport, FactReports, EmergencyItem, EmergencySet, EmergencyMode, EmergencyRequest, EmergencyOrder, ActiveEmergency, EmergencyState,
    // NFC
    NfcProgramme, NfcTap, NfcShow, TapRecorded, TapKept, NfcReport,
    // the node's log
    LossReason, LogLost, EpochCause, LogEpoch, NodeAlarm, ClassBudget, NodeReport,
    // what becomes of documents
    DocumentStatus, DocumentReport, OverrideBody, Override, OverrideRequest, ClearOverride,
    // store and visits
    DeviceKind, ZonePlan, DevicePlan, StoreProfile, ZoneCount, ZoneReport, DoorCode, CheckInMethod, Hlc, VisitOpened, DeviceAttached,
    VisitSignal, VisitSeen, CloseReason, VisitClosed, AdmitVisit, CloseVisit, OrderDone, OrderOutcome, CheckInRefused, RankedOffer, ContextLease,
    // HTTP
    Problem, FieldError, DeviceSignIn, NodeCheckIn, NodeCheckedIn, ZoneEntered, NodeOverview, CloudLink, SignInStart, SignInFinish, Me, Role,
    MeChange, ChannelSwitch, ContextClass, Home, HomeElement, Card, Feed, OutcomeReport, Outcome, Bookmark, Bookmarks, BookmarkAdd, PushMessage,
    Restraint, Passes, PassView, PassRequest, CloudCheckIn, CheckInAccepted, CheckInRefusal, VisitView, Visits, TapClaim, Dialogue, DialogueLine,
    DialogueChoice, DialogueReply, LegalText, LegalTexts, ConsentChange, ConsentView, Consents, ConsentProof, CampaignDraft, Campaign, Campaigns,
    OfferDraft, OfferState, OfferView, Offers, OfferPreview, VerdictCount, DecisionView, Decisions, StoreLive, StoreSummary, Stores, NodeLink,
    NodeState, ScreenCommandRequest, Fleet, NodeHealth, SeenAlarm, LossKind, LossView, HeldStream, RejectedDocument, OverrideView, DeviceLink, DeviceState, QuarantineView, QuarantineSettled,
    QuarantineFate, QuarantineRecord, OperatorDecision, LinkEvent, SalesReport, SalesLine, CandidateRequest, MessageKind, ContextReport, Catalogue,
    RolloutBody, WaveReach, RolloutDraft, RolloutPhase, RolloutReason, RolloutProgress, RolloutStore, RolloutView, Rollouts,
    EnrolmentRequest, RenewalRequest, Enrolled,
    // digital handshake
    HandshakeId, Scope, Sas, Lease, StaffCard, HandshakeState, HandshakeFacts, HandshakeClaim, HandshakeClaimed, HandshakeGrant, HandshakeGranted,
    HandshakeReceipt, AboutMe, Wish, OwnSize, SharedFields, SharedField, SealedFields, RelayCall, RelayReply, RelayAsk, RelayAskKind,
    StaffSignIn, StaffOnShift, OfferAdvice, AdviceOffered, ReadShared, TabletView, TabletSign;
    schema only: Hello, Welcome, BatchHeader, Ack, Presence, State
}

/// `export type …` with the field docs that editors show.
fn declaration<T: TS>(config: &ts_rs::Config) -> String {
    let docs = T::docs().map(|docs| format!("{}\n", docs.trim_end())).unwrap_or_default();
    format!("{docs}export {}\n", T::decl(config))
}

fn typescript() -> String {
    let header = "// Wire types of aisle for the pages, generated from the crate aisle-schemas: `make schemas`. Do not edit.\n\n";
    format!("{header}{}", typescript_types().join("\n"))
}

/// All wire types as `$defs`, by name.
pub fn definitions() -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let roots = register(&mut generator);
    let mut definitions = generator.take_definitions(true);
    for (name, schema) in roots {
        // Types that schemars writes in place (transparent ids) still get a name here.
        definitions.entry(name.to_owned()).or_insert_with(|| schema.to_value());
    }
    definitions
}

fn json_schema(definitions: &Map<String, Value>) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:aisle:schemas:1",
        "title": "aisle wire types",
        "$defs": definitions,
    })
}

/// The definitions with references moved to where OpenAPI and AsyncAPI keep components.
fn components(definitions: &Map<String, Value>) -> Value {
    let text = serde_json::to_string(definitions).expect("JSON values always print");
    serde_json::from_str(&text.replace("#/$defs/", "#/components/schemas/")).expect("only a prefix was replaced")
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{').and_then(|p| p.strip_suffix('}')))
}

fn asyncapi(definitions: &Map<String, Value>) -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    for topic in DECLARATIONS {
        let parameters: Map<String, Value> = parameters(topic.pattern).map(|p| (p.to_owned(), json!({}))).collect();
        channels.insert(
            topic.name.to_owned(),
            json!({
                "address": topic.pattern,
                "description": topic.summary.trim(),
                "parameters": parameters,
                "messages": { topic.body: { "contentType": topic.content_type, "payload": { "$ref": format!("#/components/schemas/{}", topic.body) } } },
                "bindings": { "mqtt": { "bindingVersion": "0.2.0", "qos": 1, "retain": topic.retain, "messageExpiryInterval": topic.expiry_s } },
            }),
        );
        let publisher = match topic.publisher {
            Publisher::Node => "node",
            Publisher::Cloud => "cloud",
            Publisher::Device => "device",
        };
        operations.insert(
            format!("{publisher}Sends{}", topic.name),
            json!({ "action": "send", "channel": { "$ref": format!("#/channels/{}", topic.name) }, "summary": topic.summary.trim() }),
        );
    }
    let records: Vec<Value> = RECORD_TYPES
        .iter()
        .map(|r| json!({ "type": r.name, "stream": r.stream.to_string(), "subject": r.subject, "data": { "$ref": format!("#/components/schemas/{}", r.body) } }))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": "aisle on MQTT", "version": "1", "description": "Topics of the mesh bus (aisle-sync/1) and of the in-store bus. Records inside batches are listed under x-records." },
        "channels": channels,
        "operations": operations,
        "x-records": records,
        "components": { "schemas": components(definitions) },
    })
}

fn openapi(title: &str, routes: &[Route], definitions: &Map<String, Value>) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut paths = Map::new();
    for route in routes {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
            Method::Put => "put",
            Method::Delete => "delete",
        };
        let security = match route.auth {
            Auth::Public | Auth::Visit => json!([]),
            Auth::Customer | Auth::Staff => json!([{ "session": [] }]),
            Auth::Device => json!([{ "device": [] }]),
            Auth::Integration => json!([{ "integration": [] }]),
            Auth::Operator => json!([{ "operator": [] }]),
            Auth::Node => json!([{ "node": [] }]),
        };
        let parameters: Vec<Value> =
            parameters(route.path).map(|p| json!({ "name": p, "in": "path", "required": true, "schema": { "type": "string" } })).collect();
        let mut success = json!({ "description": route.summary });
        if let Some(response) = route.response {
            success["content"] = json!({ "application/json": { "schema": reference(response) } });
        }
        if !route.events.is_empty() {
            let events: Vec<Value> = route.events.iter().map(|(event, body)| json!({ "event": event, "data": reference(body) })).collect();
            success["content"] = json!({ "text/event-stream": { "schema": { "type": "string" }, "x-events": events } });
        }
        let mut operation = json!({
            "summary": route.summary,
            "security": security,
            "parameters": parameters,
            "responses": {
                route.status.to_string(): success,
                "default": { "description": "Problem details", "content": { "application/problem+json": { "schema": reference("Problem") } } },
            },
        });
        if let Some(request) = route.request {
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": reference(request) } } });
        }
        let path = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        path[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": "1", "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "paths": paths,
        "components": {
            "schemas": components(definitions),
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "aisle_session" },
                "device": { "type": "apiKey", "in": "cookie", "name": "aisle_device" },
                "integration": { "type": "http", "scheme": "bearer" },
                "operator": { "type": "http", "scheme": "bearer" },
                "node": { "type": "apiKey", "in": "header", "name": "authorization" },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_topic_record_or_route_uses_is_a_wire_type() {
        let definitions = definitions();
        let topics = DECLARATIONS.iter().map(|t| t.body);
        let records = RECORD_TYPES.iter().map(|r| r.body);
        let routes = node::ROUTES.iter().chain(cloud::ROUTES);
        let bodies = routes.flat_map(|r| r.request.into_iter().chain(r.response).chain(r.events.iter().map(|(_, body)| *body)));
        for name in topics.chain(records).chain(bodies) {
            assert!(definitions.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_reference_of_the_generated_schema_resolves() {
        let definitions = definitions();
        let text = serde_json::to_string(&definitions).unwrap();
        for reference in text.split("\"#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(definitions.contains_key(name), "{name}");
        }
    }

    #[test]
    fn what_is_committed_is_what_the_declarations_generate() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let stale: Vec<String> = all()
            .into_iter()
            .filter(|(path, contents)| std::fs::read_to_string(format!("{root}/{path}")).ok().as_ref() != Some(contents))
            .map(|(path, _)| path)
            .collect();
        assert!(stale.is_empty(), "stale, run `make schemas`: {stale:?}");
    }
}
