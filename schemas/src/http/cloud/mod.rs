//! HTTP face of the cloud: routes, and the bodies by subject, for customers, staff and integrations.

mod account;
mod consent;
mod decision;
mod enrol;
mod integration;
mod live;
mod offer;
mod own;
mod rollout;
mod visit;

pub use account::*;
pub use consent::*;
pub use decision::*;
pub use enrol::*;
pub use integration::*;
pub use live::*;
pub use offer::*;
pub use own::*;
pub use rollout::*;
pub use visit::*;

use super::{Auth::*, Method::*, Route, route, stream};

/// All routes of the cloud, pages aside.
pub const ROUTES: &[Route] = &[
    route(Post, "/v1/sign-in", Public, Some("SignInStart"), 202, None, "Send a sign-in code by e-mail"),
    route(Post, "/v1/sign-in/code", Public, Some("SignInFinish"), 200, Some("Me"), "Sign in with the code"),
    route(Post, "/v1/sign-out", Customer, None, 204, None, "End this session"),
    route(Get, "/v1/me", Customer, None, 200, Some("Me"), "Who is signed in"),
    route(Put, "/v1/me", Customer, Some("MeChange"), 200, Some("Me"), "Change language, pause or channels"),
    route(Get, "/v1/me/home", Customer, None, 200, Some("Home"), "Elements of the home page for the present context"),
    route(Get, "/v1/me/feed", Customer, None, 200, Some("Feed"), "Own offers"),
    stream(
        "/v1/me/events",
        Customer,
        &[
            ("card", "Card"),
            ("card_removed", "Card"),
            ("visit", "VisitView"),
            ("checkin_refused", "CheckInRefusal"),
            ("push", "PushMessage"),
            ("home", "Home"),
            ("consent", "Consents"),
            ("bookmark", "Bookmarks"),
        ],
        "The customer's own stream",
    ),
    route(Post, "/v1/me/cards/{card}/outcomes", Customer, Some("OutcomeReport"), 204, None, "What the customer did with a card"),
    route(Post, "/v1/me/pushes/{candidate}/outcomes", Customer, Some("OutcomeReport"), 204, None, "What the customer did with a message"),
    route(Get, "/v1/me/bookmarks", Customer, None, 200, Some("Bookmarks"), "Marked offers"),
    route(Post, "/v1/me/bookmarks", Customer, Some("BookmarkAdd"), 200, Some("Bookmarks"), "Mark an offer"),
    route(Delete, "/v1/me/bookmarks/{offer}", Customer, None, 200, Some("Bookmarks"), "Unmark an offer"),
    route(Get, "/v1/me/restraint", Customer, None, 200, Some("Restraint"), "How much interruption is left"),
    route(Get, "/v1/me/visits", Customer, None, 200, Some("Visits"), "Own visits, newest first"),
    route(Get, "/v1/me/consents", Customer, None, 200, Some("Consents"), "Own consents"),
    route(Get, "/v1/legal-texts", Public, None, 200, Some("LegalTexts"), "Legal texts in force; query `language`"),
    route(Post, "/v1/legal-texts", Staff, Some("LegalText"), 201, Some("LegalText"), "Publish a new version"),
    route(Put, "/v1/legal-texts/{id}/{version}/{language}", Staff, Some("LegalText"), 200, Some("LegalText"), "Always 409 once published"),
    route(Post, "/v1/consents", Customer, Some("ConsentChange"), 201, Some("ConsentView"), "Give or take back a consent"),
    route(Post, "/v1/passes", Customer, Some("PassRequest"), 201, Some("Passes"), "Check-in passes"),
    route(Post, "/v1/checkins", Customer, Some("CloudCheckIn"), 202, Some("CheckInAccepted"), "Check in with the door's code"),
    route(Post, "/v1/visits/{visit}/checkout", Customer, None, 202, None, "Check out"),
    route(Post, "/v1/taps", Customer, Some("TapClaim"), 201, Some("Dialogue"), "Claim the code of an NFC display"),
    route(Post, "/v1/taps/opened", Public, Some("TapClaim"), 204, None, "Count that a display's code was opened before sign-in"),
    route(Get, "/v1/dialogues/{dialogue}", Customer, None, 200, Some("Dialogue"), "A dialogue"),
    route(Post, "/v1/dialogues/{dialogue}/replies", Customer, Some("DialogueReply"), 200, Some("Dialogue"), "Answer in a dialogue"),
    route(Get, "/v1/customers/{customer}/consents", Staff, None, 200, Some("Consents"), "Consents of a customer; query `as_of`"),
    route(Get, "/v1/customers/{customer}/consents/{consent}/proof", Staff, None, 200, Some("ConsentProof"), "Proof of one consent"),
    route(Get, "/v1/campaigns", Staff, None, 200, Some("Campaigns"), "Campaigns"),
    route(Post, "/v1/campaigns", Staff, Some("CampaignDraft"), 201, Some("Campaign"), "Make a campaign"),
    route(Put, "/v1/campaigns/{campaign}", Staff, Some("CampaignDraft"), 200, Some("Campaign"), "Change a campaign"),
    route(Get, "/v1/offers", Staff, None, 200, Some("Offers"), "Offers, newest first"),
    route(Post, "/v1/offers", Staff, Some("OfferDraft"), 201, Some("OfferView"), "Make a draft"),
    route(Get, "/v1/offers/{offer}", Staff, None, 200, Some("OfferView"), "An offer"),
    route(
        Put,
        "/v1/offers/{offer}",
        Staff,
        Some("OfferDraft"),
        200,
        Some("OfferView"),
        "Change a draft, or make the next revision of a published offer",
    ),
    route(Post, "/v1/offers/{offer}/publish", Staff, None, 200, Some("OfferView"), "Publish"),
    route(Post, "/v1/offers/{offer}/withdraw", Staff, None, 200, Some("OfferView"), "Withdraw at once"),
    route(Post, "/v1/offers/preview", Staff, Some("OfferDraft"), 200, Some("OfferPreview"), "Lint and dry run"),
    route(
        Post,
        "/v1/content",
        Staff,
        None,
        201,
        Some("Blob"),
        "Keep content above 32 KiB under its SHA-256: the body is a JPEG, PNG, WebP, AVIF or MP4 of at most 16 MiB",
    ),
    route(
        Get,
        "/v1/content/{sha256}",
        Customer,
        None,
        200,
        None,
        "Content by its hash, whole or by a range; a node proves itself by `authorization: Aisle-Node` instead of a session",
    ),
    route(Get, "/v1/catalogue", Staff, None, 200, Some("Catalogue"), "Products known"),
    route(
        Get,
        "/v1/decisions",
        Staff,
        None,
        200,
        Some("Decisions"),
        "Decision log; query `customer`, `offer`, `visit`, `store`, `before`, `limit`",
    ),
    route(Get, "/v1/rollouts", Staff, None, 200, Some("Rollouts"), "Documents on their way to stores, newest first"),
    route(
        Post,
        "/v1/rollouts",
        Staff,
        Some("RolloutDraft"),
        201,
        Some("RolloutView"),
        "Bring a document to a cohort of stores, wave by wave",
    ),
    route(Get, "/v1/rollouts/{rollout}", Staff, None, 200, Some("RolloutView"), "A rollout"),
    route(Post, "/v1/rollouts/{rollout}/pause", Staff, None, 200, Some("RolloutView"), "Stop it for a while"),
    route(Post, "/v1/rollouts/{rollout}/resume", Staff, None, 200, Some("RolloutView"), "Let it go on"),
    route(
        Post,
        "/v1/rollouts/{rollout}/roll-back",
        Staff,
        None,
        200,
        Some("RolloutView"),
        "Give every store its former document back, also after the rollout has ended",
    ),
    route(Get, "/v1/stores", Staff, None, 200, Some("Stores"), "Stores"),
    route(Get, "/v1/stores/{store}/live", Staff, None, 200, Some("StoreLive"), "A store now"),
    route(
        Post,
        "/v1/stores/{store}/screens/{screen}/commands",
        Staff,
        Some("ScreenCommandRequest"),
        202,
        Some("ScreenCommand"),
        "Send a command to one screen",
    ),
    route(Get, "/v1/fleet", Staff, None, 200, Some("Fleet"), "Nodes, their losses and held streams, and the quarantine"),
    route(
        Post,
        "/v1/fleet/{node}/reclaim",
        Staff,
        Some("OperatorDecision"),
        204,
        None,
        "Let a box whose history ended take its place again, or a new box the place of its store's old one",
    ),
    route(
        Post,
        "/v1/fleet/{node}/overrides/{noun}/{name}/clear",
        Staff,
        Some("OperatorDecision"),
        202,
        None,
        "End what a store's staff show instead of a document",
    ),
    route(Post, "/v1/fleet/{node}/streams/{stream}/unhold", Staff, Some("OperatorDecision"), 204, None, "End the hold of a stream"),
    route(
        Get,
        "/v1/quarantine/{node}/{stream}/{epoch}/{seq}",
        Staff,
        None,
        200,
        Some("QuarantineRecord"),
        "A quarantined record with its bytes",
    ),
    route(
        Post,
        "/v1/quarantine/{node}/{stream}/{epoch}/{seq}/redrive",
        Staff,
        None,
        200,
        Some("QuarantineView"),
        "Apply a quarantined record once more, under its own identity; 409 `still_fails` keeps it",
    ),
    route(
        Post,
        "/v1/quarantine/{node}/{stream}/{epoch}/{seq}/discard",
        Staff,
        Some("OperatorDecision"),
        200,
        Some("QuarantineView"),
        "Give a quarantined record up",
    ),
    stream(
        "/v1/console/events",
        Staff,
        &[("store", "StoreLive"), ("decision", "DecisionView"), ("link", "LinkEvent"), ("offer", "OfferView")],
        "What happens, for the console; query `store`",
    ),
    route(Post, "/v1/integrations/sales", Integration, Some("SalesReport"), 202, None, "Report sales"),
    route(Post, "/v1/integrations/candidates", Integration, Some("CandidateRequest"), 202, None, "Offer a message to the gate"),
    route(Post, "/v1/integrations/contexts", Integration, Some("ContextReport"), 202, None, "Report context of a customer"),
    route(
        Post,
        "/v1/enrolments",
        Public,
        Some("EnrolmentRequest"),
        201,
        Some("Enrolled"),
        "A box becomes a node: one-time claim for a certificate",
    ),
    route(
        Post,
        "/v1/enrolments/renewals",
        Public,
        Some("RenewalRequest"),
        201,
        Some("Enrolled"),
        "A node's next certificate, signed for with the present one",
    ),
    route(Get, "/healthz", Public, None, 200, None, "The process lives"),
    route(Get, "/readyz", Public, None, 200, None, "The instance serves"),
    route(Get, "/metrics", Public, None, 200, None, "Prometheus metrics"),
];
