// Wire types of aisle for the pages, generated from the crate aisle-schemas: `make schemas`. Do not edit.

/**
 * One physical store.
 */
export type StoreId = string;

/**
 * A named area of a store.
 */
export type ZoneId = string;

/**
 * A signage screen.
 */
export type ScreenId = string;

/**
 * An NFC display.
 */
export type DisplayId = string;

/**
 * A place of contact that is neither screen nor NFC display: door, reader, sensor.
 */
export type TouchpointId = string;

/**
 * Any device with credentials at the local broker or the node's HTTP face.
 */
export type DeviceId = string;

/**
 * A product as the retailer names it.
 */
export type Sku = string;

/**
 * A product category, `department` or `department-kind`, e.g. `pet-cat`.
 */
export type CategoryId = string;

/**
 * One zone of a screen's layout (`main`, `ticker`).
 */
export type LayoutZoneId = string;

/**
 * One event of a screen's schedule.
 */
export type EventSlug = string;

/**
 * A record, message or request: the idempotency key of everything.
 */
export type EventId = string;

/**
 * The root of an identity component. Never leaves the cloud.
 */
export type CustomerId = string;

/**
 * One stay in one store.
 */
export type VisitId = string;

/**
 * An offer, all its revisions.
 */
export type OfferId = string;

/**
 * A campaign that groups offers.
 */
export type CampaignId = string;

/**
 * A card in a customer's feed.
 */
export type CardId = string;

/**
 * The verdict on one candidate.
 */
export type DecisionId = string;

/**
 * A candidate message.
 */
export type CandidateId = string;

/**
 * A check-in pass: random, known to the cloud alone.
 */
export type PassId = string;

/**
 * One boot of a screen.
 */
export type BootId = string;

/**
 * One touch of an NFC display.
 */
export type TapId = string;

/**
 * A dialogue about an offer.
 */
export type DialogueId = string;

/**
 * A consent record.
 */
export type ConsentId = string;

/**
 * The random name by which a store knows one visit: 128 bit, never derived from a profile (DOMAIN 12). 32 lower-case hex digits.
 */
export type VisitToken = string;

/**
 * Software identity of a store's box, `tenant.store.node`: one topic level, one certificate name.
 */
export type NodeId = string;

/**
 * Language of a surface or person.
 */
export type Language = "de" | "en";

/**
 * One text in German and English, at most 500 characters each.
 */
export type LocalText = { de: string, en: string, };

/**
 * Kind of surface, for content variants and fallbacks.
 */
export type SurfaceKind = "screen" | "nfc_monitor" | "tablet" | "phone";

/**
 * Who can see a surface (DOMAIN 13: S-public, S-shared, S-staff, S-own).
 */
export type PrivacyClass = "public" | "shared" | "staff" | "own";

/**
 * How personal content is (DOMAIN 13: P0 generic, P1 context, P2 audience, P3 personal, P4 sensitive).
 */
export type ContentClass = "P0" | "P1" | "P2" | "P3" | "P4";

/**
 * ISO 4217 currencies a programme may use.
 */
export type Currency = "EUR" | "CHF" | "GBP" | "USD";

/**
 * Integer minor units of a currency; never a float.
 */
export type Money = { minor: number, currency: Currency, };

/**
 * Content that is ready to draw. The words are the author's; the surface draws price, mark and illustration.
 */
export type Content = { class: ContentClass, 
/**
 * At most 12 words on a public surface.
 */
headline: LocalText, line: LocalText, 
/**
 * Name of an illustration or media hash (`sha256:…`); the surface falls back to the brand scene.
 */
image: string | null, price: Money | null, was: Money | null, 
/**
 * Audience segment this content is meant for; only with class P2.
 */
segment: string | null, };

/**
 * SHA-256 of a blob: its name everywhere. 64 lower-case hex digits.
 */
export type ContentHash = string;

/**
 * What a blob is. Every box decodes these (TOUCHPOINTS 1.5); a picture that could hold a script is not among them.
 */
export type MediaType = "image/jpeg" | "image/png" | "image/webp" | "image/avif" | "video/mp4";

/**
 * A blob as documents name it: content above 32 KiB travels by this (AS-079).
 */
export type Blob = { sha256: ContentHash, 
/**
 * Bytes; compared like the hash.
 */
size: number, mime: MediaType, };

/**
 * A product as the catalogue names it.
 */
export type Product = { sku: Sku, name: LocalText, category: CategoryId, 
/**
 * Group of categories of which a household usually needs one, e.g. `pet-species` for cat and dog food (RELEVANCE, hard gate).
 */
sibling_group: string | null, 
/**
 * Illustration of the product.
 */
image: string | null, };

/**
 * Where and when an offer runs.
 */
export type OfferTarget = { 
/**
 * Stores; empty means all.
 */
stores: Array<StoreId>, 
/**
 * Zones in which screens and NFC displays show it; empty means all.
 */
zones: Array<ZoneId>, 
/**
 * Surfaces that may show it.
 */
surfaces: Array<SurfaceKind>, };

/**
 * Content for one kind of surface.
 */
export type Variant = { surface: SurfaceKind, content: Content, };

/**
 * A published offer, body of the desired document `offer/{offer_id}`.
 */
export type Offer = { offer: OfferId, 
/**
 * Rises by one with each publication.
 */
rev: number, campaign: CampaignId, product: Product, price: Money, was: Money | null, 
/**
 * Half-open `[from, to)`: not started before, never shown after.
 */
from: string, to: string, target: OfferTarget, 
/**
 * One per surface kind of the target, or the fallback stands in.
 */
variants: Array<Variant>, 
/**
 * Stands in where a surface has no variant; surfaces named here may use it.
 */
fallback: Content | null, fallback_for: Array<SurfaceKind>, 
/**
 * Blobs that its pictures name; the offer is in force at a store once all of them are there and verified (AS-079).
 */
media?: Array<Blob>, };

/**
 * Number of a product: 14 digits, whatever was printed.
 */
export type Gtin = string;

/**
 * A price from an instant on, until the next one's.
 */
export type PriceFrom = { 
/**
 * Of a piece, or of a kilogram of what is weighed. Tax included.
 */
price: Money, from: string, };

/**
 * What a price is for.
 */
export type Measure = "piece" | "weight";

/**
 * What a unit price is of.
 */
export type Unit = "kilogram" | "litre" | "metre" | "piece";

/**
 * What a pack holds, for its unit price.
 */
export type Pack = { 
/**
 * Thousandths of the unit: grams, millilitres, millimetres; 12 pieces are 12000.
 */
thousandths: number, unit: Unit, };

/**
 * Price of one unit, tax included, rounded half up.
 */
export type UnitPrice = { price: Money, unit: Unit, };

/**
 * What the number in an in-store code means.
 */
export type CodeValue = "price" | "weight";

/**
 * A kind of code that the shop prints itself, with weight or price in it.
 */
export type InStoreCode = { 
/**
 * Template of digits and fields, such as `2812345{price:5}{ec}` (TOUCHPOINTS 3.6).
 */
template: string, value: CodeValue, };

/**
 * Where a product is one of several of the same cut.
 */
export type VariantOf = { 
/**
 * What the variants have in common.
 */
family: Sku, colour: LocalText | null, size: string | null, };

/**
 * Where a product stands.
 */
export type ShelfPlace = { zone: ZoneId, 
/**
 * As staff call it: `3.2`.
 */
shelf: string, };

/**
 * Care symbols of ISO 3758.
 */
export type CareSymbol = "wash30" | "wash30_gentle" | "wash40" | "wash60" | "wash95" | "hand_wash" | "do_not_wash" | "bleach" | "do_not_bleach" | "tumble_low" | "tumble_normal" | "do_not_tumble" | "iron_low" | "iron_medium" | "iron_high" | "do_not_iron" | "dry_clean" | "do_not_dry_clean";

/**
 * Words about the material and its care, in one language.
 */
export type CareText = { language: Language, 
/**
 * `100 % wool`.
 */
material: string, text: string, };

/**
 * What a product is made of and how it is cleaned.
 */
export type ProductCare = { symbols: Array<CareSymbol>, 
/**
 * At most one per language.
 */
texts: Array<CareText>, };

/**
 * How many there are, and since when that is known.
 */
export type StockLevel = { count: number, at: string, };

/**
 * All that the retailer says of a product.
 */
export type ProductSheet = { sku: Sku, gtins: Array<Gtin>, name: LocalText, category: CategoryId, 
/**
 * Name of an illustration, or `sha256:…` of a picture that `media` lists.
 */
image: string | null, media?: Array<Blob>, 
/**
 * Each from its instant on, oldest first.
 */
prices: Array<PriceFrom>, 
/**
 * The lowest price of the last 30 days, where the present one is announced as less.
 */
reference: Money | null, measure: Measure, pack: Pack | null, codes: Array<InStoreCode>, 
/**
 * Hundredths of a per cent: 1900, 700.
 */
tax_bp: number, 
/**
 * Staff look at whoever buys it.
 */
min_age: number | null, 
/**
 * Paid with it and given back with the empty.
 */
deposit: Money | null, variant: VariantOf | null, place: ShelfPlace | null, 
/**
 * Its care must be said.
 */
textile: boolean, care: ProductCare | null, 
/**
 * Often stolen: a basket with it is looked at more.
 */
high_shrink: boolean, };

/**
 * Body of the desired document `product/{sku}`: a product as one store sells it.
 */
export type StoreProduct = { product: ProductSheet, 
/**
 * Here; none where nobody counts.
 */
stock: StockLevel | null, };

/**
 * Products that shall be known, or known anew.
 */
export type ProductBatch = { products: Array<ProductSheet>, };

/**
 * What was taken, and what somebody should look at.
 */
export type ProductsTaken = { 
/**
 * Products that are new or differ from before.
 */
changed: number, findings: Array<ProductFinding>, };

/**
 * Something that is missing and stops nobody from selling.
 */
export type ProductFinding = { sku: Sku, 
/**
 * `care_missing`, `care_language_missing`.
 */
code: string, 
/**
 * As a JSON pointer into the batch.
 */
field: string, };

/**
 * How many of a product a store has, as the system that counts says.
 */
export type StockReport = { sku: Sku, store: StoreId, count: number, 
/**
 * When it was counted: an older report changes nothing.
 */
at: string, };

/**
 * Stock of some products at some stores.
 */
export type StockBatch = { levels: Array<StockReport>, };

/**
 * All products.
 */
export type ProductSheets = { products: Array<ProductSheet>, };

/**
 * How to clean it, in the language of whoever asks or, if nobody wrote that, in another one.
 */
export type CareView = { symbols: Array<CareSymbol>, material: string, text: string, language: Language, 
/**
 * The language is not the one that was asked for.
 */
fallback: boolean, };

/**
 * Another colour or size.
 */
export type VariantView = { sku: Sku, colour: LocalText | null, size: string | null, price: Money, place: ShelfPlace | null, stock: StockLevel | null, };

/**
 * What the scanned code says beside the product.
 */
export type ScannedValue = { grams: number | null, 
/**
 * What this piece costs.
 */
total: Money | null, };

/**
 * A product in the store, for whoever holds it in their hand.
 */
export type ProductView = { sku: Sku, name: LocalText, category: CategoryId, image: string | null, 
/**
 * Of a piece, or of a kilogram.
 */
price: Money, measure: Measure, reference: Money | null, unit_price: UnitPrice | null, min_age: number | null, deposit: Money | null, place: ShelfPlace | null, care: CareView | null, 
/**
 * All of its family that this store sells, itself included; empty where it has none.
 */
variants: Array<VariantView>, stock: StockLevel | null, 
/**
 * None where the code names only the product.
 */
scanned: ScannedValue | null, at: string, };

/**
 * One trip: a basket from its first scan to the gate.
 */
export type TripId = string;

/**
 * What shall become of a line.
 */
export type LineIntent = "inform" | "take" | "ship";

/**
 * One line of a basket.
 */
export type TripLine = { 
/**
 * Names the line within its trip; never given twice.
 */
line: number, sku: Sku, name: LocalText, intent: LineIntent, quantity: number, 
/**
 * Of what is weighed, all pieces together.
 */
grams: number | null, 
/**
 * Of one piece, or of a kilogram.
 */
price: Money, 
/**
 * What the line costs, without its deposit.
 */
amount: Money, 
/**
 * Deposit on all pieces: a line of its own on quote and receipt.
 */
deposit: Money | null, tax_bp: number, min_age: number | null, 
/**
 * The code said what one piece costs: the shelf's price changes nothing.
 */
priced_by_code: boolean, 
/**
 * Weight or amount are the word of a code that the shop did not print: staff look at the line.
 */
unproven: boolean, };

/**
 * What a line of a quote is.
 */
export type QuoteLineKind = "item" | "weighed" | "deposit";

/**
 * One line of a quote.
 */
export type QuoteLine = { 
/**
 * Of the basket's line.
 */
line: number, kind: QuoteLineKind, sku: Sku, intent: LineIntent, quantity: number, amount_minor: number, tax_bp: number, };

/**
 * Prices that hold until `exp`, whatever the shelf says meanwhile. Signed over RFC 8785 JSON; any change of the basket voids it.
 */
export type Quote = { trip: TripId, store: StoreId, lines: Array<QuoteLine>, 
/**
 * SHA-256 of the canonical lines, hex.
 */
cart_sha256: string, currency: Currency, total_minor: number, 
/**
 * Start of the newest price among the lines, Unix seconds.
 */
price_rev: number, 
/**
 * Unix seconds.
 */
iat: number, exp: number, 
/**
 * Names the key of the store that signed.
 */
kid: string, };

/**
 * A quote with its signature, base64url.
 */
export type SignedQuote = { quote: Quote, signature: string, };

/**
 * What is looked at before payment.
 */
export type CheckKind = "rescan_partial" | "rescan_full" | "min_age" | "approval";

/**
 * How far a check is.
 */
export type CheckState = "open" | "passed" | "failed";

/**
 * Why a basket is looked at.
 */
export type CheckReason = "audit" | "voids" | "high_shrink" | "idle" | "impossible_stock" | "age" | "difference" | "foreign_value";

/**
 * One check, done by staff.
 */
export type TripCheck = { kind: CheckKind, reason: CheckReason, state: CheckState, 
/**
 * Lines to look at; empty for all.
 */
lines: Array<number>, };

/**
 * How far a trip is.
 */
export type TripState = "scanning" | "review" | "check" | "transferred_to_till" | "paid" | "exited" | "cancelled";

/**
 * A trip, as phone and staff see it and the store keeps it.
 */
export type Trip = { trip: TripId, visit: VisitId, state: TripState, lines: Array<TripLine>, next_line: number, 
/**
 * Lines taken out.
 */
voids: number, 
/**
 * Products often stolen, more pieces than the store has, a long pause, a difference that was found: reasons to look.
 */
noted: Array<CheckReason>, 
/**
 * Whether the day's draw fell on it, when it began. Only in the store's own memory: whoever knew it before the review could begin anew.
 */
drawn?: boolean | null, 
/**
 * Staff were called to look at the goods and have not passed them: the phone cannot cancel.
 */
held: boolean, quote: SignedQuote | null, checks: Array<TripCheck>, opened_at: string, changed_at: string, paid_at: string | null, };

/**
 * A trip with what lets its goods out.
 */
export type TripView = { trip: Trip, 
/**
 * Total of what is taken and shipped, deposits included.
 */
total: Money | null, 
/**
 * For the gate; only once paid, issued anew at each look.
 */
exit: string | null, };

/**
 * A phone puts something into the basket.
 */
export type LineAdd = { 
/**
 * Whatever was scanned or typed.
 */
code: string, intent: LineIntent, quantity: number, };

/**
 * A phone changes a line; a quantity of 0 takes it out.
 */
export type LineChange = { intent: LineIntent, quantity: number, };

/**
 * What a phone asks of its trip.
 */
export type TripStep = "review" | "resume" | "till" | "cancel";

/**
 * A step of a trip.
 */
export type TripStepRequest = { step: TripStep, };

/**
 * Staff say what a check found.
 */
export type CheckResult = { kind: CheckKind, passed: boolean, };

/**
 * The till has the money.
 */
export type TillPayment = { 
/**
 * Of the quote that was paid.
 */
cart_sha256: string, total_minor: number, 
/**
 * Number of the till's own slip.
 */
slip: string, };

/**
 * What the gate reads from a phone.
 */
export type ExitRequest = { token: string, };

/**
 * The gate may open.
 */
export type ExitGranted = { trip: TripId, items: number, };

/**
 * Body of `aisle.trip.changed.v1`: a trip reached a state that others act on.
 */
export type TripChanged = { trip: TripId, visit: VisitId, state: TripState, quote: SignedQuote | null, checks: Array<TripCheck>, 
/**
 * Number of the till's slip, once paid.
 */
slip: string | null, at: string, };

/**
 * Body of `aisle.trip.day.v1`: the hash of a day's key at its beginning, the key itself once the day is over, so that anyone can draw again.
 */
export type AuditDay = { 
/**
 * Local date of the store.
 */
day: string, 
/**
 * SHA-256 of the key, hex.
 */
key_sha256: string, 
/**
 * Hex; only after the day.
 */
key: string | null, };

/**
 * One zone of a layout, in design pixels.
 */
export type LayoutZone = { id: LayoutZoneId, kind: LayoutZoneKind, x: number, y: number, w: number, h: number, };

export type LayoutZoneKind = "main" | "ticker" | "price_bar" | "overlay";

/**
 * Design size and zones of a screen.
 */
export type Layout = { width: number, height: number, zones: Array<LayoutZone>, };

/**
 * Local time of day window; `end <= start` runs over midnight and belongs to the weekday on which it starts.
 */
export type DayPart = { 
/**
 * `HH:MM`, local to the store.
 */
start: string, end: string, 
/**
 * 1 = Monday … 7 = Sunday; empty means every day.
 */
weekdays: Array<number>, exceptions: Array<DayPartException>, };

/**
 * A day on which a day-part runs at other hours, or not at all.
 */
export type DayPartException = { 
/**
 * `YYYY-MM-DD`, local.
 */
date: string, 
/**
 * `None` means closed.
 */
hours: [string, string] | null, };

export type Condition = "set" | "lt" | "lte" | "eq" | "neq" | "gt" | "gte" | "contains" | "ncontains";

/**
 * One condition on a fact of the store; a missing fact makes it false.
 */
export type Criterion = { 
/**
 * E.g. `zone.pets.count`, `weather`.
 */
metric: string, condition: Condition, value: string, };

/**
 * How `from` and `to` of an event are read (TOUCHPOINTS.md 1.2).
 */
export type EventClock = "programme" | "local";

/**
 * How an event takes its place in the loop.
 */
export type EventKind = { "kind": "loop" } | { "kind": "interrupt", 
/**
 * Seconds per hour, 1 … 3,600.
 */
share_of_voice_s: number, };

/**
 * Unit in which an event comes again.
 */
export type Every = "minute" | "hour" | "day" | "week" | "month" | "year";

/**
 * Which day of a month an event comes again on.
 */
export type Monthly = "date" | "weekday";

/**
 * An event comes again: `from` and `to` of the event are the first time.
 */
export type Recurrence = { every: Every, 
/**
 * Every how many of them, 1 … 1,000.
 */
n: number, 
/**
 * Does not begin again from here on.
 */
until: string | null, 
/**
 * With `week`: 1 = Monday … 7 = Sunday; empty means the weekday of `from`.
 */
weekdays: Array<number>, 
/**
 * With `month`.
 */
monthly: Monthly, };

/**
 * One item of a playlist.
 */
export type PlaylistItem = { 
/**
 * Names it in plans and plays; unlike every other name of the programme.
 */
id: EventSlug, content: Content, offer: OfferId | null, 
/**
 * 1 s … 86 400 s.
 */
duration_s: number, from: string | null, to: string | null, };

/**
 * What an event plays instead of its own content.
 */
export type Playlist = { items: Array<PlaylistItem>, 
/**
 * One item at each pass of the loop, the next one at the next; without it all of them in order at each pass.
 */
cycle: boolean, };

/**
 * Screens that show the same item at the same moment without talking to each other (TOUCHPOINTS.md 1.9).
 */
export type SyncGroup = { group: EventSlug, 
/**
 * The loop began at its first item then.
 */
epoch: string, };

/**
 * One event of a screen's schedule.
 */
export type ScheduleEvent = { id: EventSlug, zone: LayoutZoneId, 
/**
 * Only events of the highest active priority form the loop.
 */
priority: number, order: number, content: Content, 
/**
 * The offer whose validity binds this event.
 */
offer: OfferId | null, 
/**
 * 1 s … 86 400 s.
 */
duration_s: number, from: string | null, to: string | null, day_part: DayPart | null, criteria: Array<Criterion>, 
/**
 * Plays per sliding hour; 0 = no limit.
 */
max_plays_per_hour: number, clock: EventClock, kind: EventKind, 
/**
 * Needs `from` and `to`.
 */
recurrence: Recurrence | null, 
/**
 * Played instead of `content`, which then only stands for the event on the console.
 */
playlist: Playlist | null, };

/**
 * Which published offers a screen subscribes to; each match becomes an event of its main zone.
 */
export type OfferSubscription = { 
/**
 * Categories; empty means all that are targeted at the screen's zone.
 */
categories: Array<CategoryId>, 
/**
 * Seconds per offer.
 */
duration_s: number, 
/**
 * At most this many offers in the loop.
 */
offers_max: number, };

/**
 * Body of the desired document `screen/{screen}`.
 */
export type ScreenProgramme = { screen: ScreenId, name: LocalText, 
/**
 * Zone of the store in which it hangs.
 */
zone: ZoneId, layout: Layout, events: Array<ScheduleEvent>, subscription: OfferSubscription | null, 
/**
 * Always exists: shown when nothing else may be.
 */
fallback: Content, 
/**
 * Blobs that its pictures name; the programme is in force once all of them are there and verified (AS-079).
 */
media?: Array<Blob>, 
/**
 * Screens that keep step with this one.
 */
sync: SyncGroup | null, 
/**
 * A price label: it shows what this product costs at the store, from the instant on which the price holds.
 */
label: Sku | null, };

/**
 * Why an item plays.
 */
export type PlayRule = "loop" | "priority" | "interrupt" | "emergency" | "fallback";

/**
 * One item of a zone's loop as the node planned it.
 */
export type PlanItem = { 
/**
 * Names the item in plays: the schedule event's id.
 */
event: EventSlug, offer: OfferId | null, offer_rev: number | null, content: Content, duration_ms: number, 
/**
 * Not started before `from`, cut at `to`.
 */
from: string | null, to: string | null, rule: PlayRule, 
/**
 * Why it is in the loop, for the console: `subscribed`, `scheduled`, `price`, `interrupt`, `emergency`, `fallback`.
 */
why: string, 
/**
 * Event of the schedule that it stands for, where that is another than `event`.
 */
schedule: EventSlug | null, 
/**
 * Over what is drawn, for proof of play; lower-case hex.
 */
creative_sha256: string | null, 
/**
 * What it was called when it was planned, for proof of play: a play is readable after its offer is gone.
 */
names: { [key in string]: string }, };

/**
 * What a zone of the layout loops through.
 */
export type PlanZone = { zone: LayoutZoneId, items: Array<PlanItem>, 
/**
 * Places in `items`, in the order of the loop; empty means one after the other.
 */
order: Array<number>, };

/**
 * What a member of a group needs to keep step: its place is the time since `epoch` modulo the length of the loop.
 */
export type PlanSync = { group: EventSlug, epoch: string, };

/**
 * An event that was left out of the loop, and why.
 */
export type Denied = { event: EventSlug, offer: OfferId | null, 
/**
 * `not_yet`, `over`, `recurrence`, `day_part`, `criteria`, `priority`, `cap`, `emergency`, or a reason of the display policy.
 */
reason: string, };

/**
 * Sent to a screen over SSE (`plan`) and MQTT; the player holds no logic beyond looping it.
 */
export type ScreenPlan = { screen: ScreenId, 
/**
 * Rises with every change.
 */
rev: number, layout: Layout, zones: Array<PlanZone>, denied: Array<Denied>, made_at: string, 
/**
 * Milliseconds the screen's clock must be moved by is the screen's affair; this is the node's clock at sending.
 */
traceparent: string | null, sync: PlanSync | null, };

/**
 * How a play ended.
 */
export type PlayOutcome = "complete" | "cut" | "failed" | "blank";

export type DisplayPower = "on" | "off" | "unknown";

/**
 * What ended a play before its time.
 */
export type CutBy = "plan" | "window" | "command" | "emergency" | "restart";

/**
 * How people met a play, counted; nobody in particular.
 */
export type EngagementKind = "tap" | "scan" | "touch";

export type Engagement = { kind: EngagementKind, n: number, };

/**
 * What a play says beyond its key, its length and its outcome.
 */
export type PlayDetail = { 
/**
 * Event of the schedule, where that is another than `event`.
 */
schedule?: EventSlug | null, 
/**
 * Over what was drawn; 64 lower-case hex digits.
 */
creative_sha256?: string | null, 
/**
 * The screen's monotonic clock at the beginning, milliseconds since its boot.
 */
mono_ms?: number | null, cut_by?: CutBy | null, engagements?: Array<Engagement>, 
/**
 * Copies: `offer`, `event`; a play is readable after what it showed was deleted.
 */
names?: { [key in string]: string }, };

/**
 * Proof of play; natural key `(screen, boot, seq)`. Body of the record `aisle.play.logged.v1`. Holds no identity.
 */
export type Play = { screen: ScreenId, boot: BootId, 
/**
 * Rises by one inside a boot, from 1.
 */
seq: number, zone: LayoutZoneId, event: EventSlug, offer: OfferId | null, offer_rev: number | null, rule: PlayRule, started_at: string, 
/**
 * Monotonic length; a clock step changes no duration.
 */
duration_ms: number, clock_synced: boolean, outcome: PlayOutcome, display_power: DisplayPower, 
/**
 * Event of the schedule, where that is another than `event`.
 */
schedule?: EventSlug | null, 
/**
 * Over what was drawn; 64 lower-case hex digits.
 */
creative_sha256?: string | null, 
/**
 * The screen's monotonic clock at the beginning, milliseconds since its boot.
 */
mono_ms?: number | null, cut_by?: CutBy | null, engagements?: Array<Engagement>, 
/**
 * Copies: `offer`, `event`; a play is readable after what it showed was deleted.
 */
names?: { [key in string]: string }, };

/**
 * Plays of one screen, oldest first: body of `POST /v1/screens/{screen}/plays` and of the MQTT topic.
 */
export type PlayReport = { plays: Array<Play>, };

/**
 * The node has committed all plays of this boot up to `seq`.
 */
export type PlayAck = { boot: BootId, seq: number, };

/**
 * A screen's own state, retained; the last will sets `online` to false.
 */
export type ScreenState = { online: boolean, 
/**
 * Revision of the plan being drawn; none before the first.
 */
plan_rev: number | null, software: string, };

/**
 * A touch or an approach at a screen (A23): by nobody in particular. A field that could name a person is refused.
 */
export type ScreenInteraction = { kind: InteractionKind, zone: LayoutZoneId | null, };

export type InteractionKind = "touch" | "approach";

/**
 * A command to one screen; refused when older than its `ttl_s`, done once per id.
 */
export type ScreenCommand = { id: EventId, issued_at: string, ttl_s: number, command: ScreenCommandKind, };

export type ScreenCommandKind = { "kind": "identify", for_s: number, } | { "kind": "show", content: Content, for_s: number, } | { "kind": "revert" } | { "kind": "restart" };

/**
 * The node's report on a screen: body of the reported document `screen/{screen}`, what the console shows and why.
 */
export type ScreenReport = { screen: ScreenId, zone: ZoneId, online: boolean, 
/**
 * Item of the main zone that the last play or plan names; none before the first.
 */
showing: PlanItem | null, since: string | null, plan_rev: number, denied: Array<Denied>, 
/**
 * Alarm: a price changed then, and the screen has not said that it draws it. The till takes the lower of both meanwhile.
 */
price_unseen_since: string | null, };

/**
 * One fact. A store reports about itself; a field that could name a person is refused.
 */
export type FactReport = { 
/**
 * `weather`, `queue_length`, `stock.{sku}`, `last_sale_age_s.{sku}` or any other in that form: words of `a-z0-9_-` joined by dots. Counts
 * of people (`zone.…`) and `emergency.…` are the node's own.
 */
metric: string, 
/**
 * None takes the fact back.
 */
value: string | null, 
/**
 * Unknown again after so many seconds, 1 s … a week.
 */
ttl_s: number, };

/**
 * Body of `POST /v1/facts`, and of the topic.
 */
export type FactReports = { facts: Array<FactReport>, };

/**
 * One picture of a set.
 */
export type EmergencyItem = { 
/**
 * Names it in plans and plays.
 */
id: EventSlug, 
/**
 * Class P0.
 */
content: Content, 
/**
 * 1 s … 3 600 s.
 */
duration_s: number, };

/**
 * Body of the desired document `emergency/{set}`: present at the store before it is needed.
 */
export type EmergencySet = { set: EventSlug, name: LocalText, 
/**
 * What criteria read as `emergency.category`, such as `fire`, `weather`, `missing_child`.
 */
category: EventSlug, items: Array<EmergencyItem>, 
/**
 * Blobs that its pictures name; pinned, and the set is in force once all of them are there.
 */
media: Array<Blob>, };

/**
 * How the set meets what plays already.
 */
export type EmergencyMode = { "mode": "replace" } | { "mode": "append", 
/**
 * 1 … 99.
 */
saturation_percent: number, };

/**
 * Begin an emergency: body of `PUT /v1/emergency`.
 */
export type EmergencyRequest = { set: EventSlug, mode: EmergencyMode, 
/**
 * It ends by itself after so many seconds, at most a day.
 */
lasts_s: number, };

/**
 * Body of the order `aisle.emergency.set.v1`: begin an emergency, or end what is on.
 */
export type EmergencyOrder = { 
/**
 * None ends it.
 */
begin: EmergencyRequest | null, 
/**
 * Not carried out after this.
 */
expires: string, };

/**
 * The emergency that is on.
 */
export type ActiveEmergency = { set: EventSlug, mode: EmergencyMode, began_at: string, expires: string, 
/**
 * `cloud`, `operator`, or the device, such as `sensor/button-1`. Names nobody.
 */
by: string, };

/**
 * Body of the reported document `emergency/now`, and of `GET /v1/emergency`.
 */
export type EmergencyState = { active: ActiveEmergency | null, 
/**
 * Sets that lie ready.
 */
ready: Array<EventSlug>, };

/**
 * Body of the desired document `nfc/{display}`.
 */
export type NfcProgramme = { display: DisplayId, name: LocalText, zone: ZoneId, 
/**
 * What it invites with while nobody touches it; names no offer.
 */
invitation: Content, subscription: OfferSubscription, };

/**
 * A touch, as the display's reader or browser reports it. Holds no identity.
 */
export type NfcTap = { 
/**
 * Made by the device: the same touch twice is one touch.
 */
tap: TapId, traceparent: string | null, };

/**
 * What an NFC display shows.
 */
export type NfcShow = { "state": "inviting", rev: number, content: Content, offer: OfferId | null, 
/**
 * One-time code for QR and NFC, renewed before it expires.
 */
code: string, 
/**
 * URL that holds the code.
 */
url: string, } | { "state": "answering", rev: number, tap: TapId, content: Content, offer: OfferId | null, code: string, url: string, until: string, traceparent: string | null, } | { "state": "kept", rev: number, content: Content, until: string, };

/**
 * Body of the record `aisle.tap.recorded.v1`: a touch and what it met. Holds no identity.
 */
export type TapRecorded = { tap: TapId, display: DisplayId, zone: ZoneId, offer: OfferId | null, at: string, };

/**
 * Body of the order `aisle.tap.kept.v1`: a phone has claimed the code, the display may say so.
 */
export type TapKept = { display: DisplayId, offer: OfferId | null, 
/**
 * Not shown after this.
 */
expires: string, };

/**
 * The node's report on a display: body of the reported document `nfc/{display}`.
 */
export type NfcReport = { display: DisplayId, zone: ZoneId, online: boolean, offer: OfferId | null, taps: number, };

/**
 * Why records never arrive (SYNC.md, AS-056, AS-060, AS-063).
 */
export type LossReason = "budget" | "disk_full" | "ambiguous" | "receiver_restored" | "unknown";

/**
 * Body of `aisle.log.lost.v1`: records of one stream that will not arrive. `from` and `to` are both lost.
 */
export type LogLost = { stream: string, epoch: string, from: string, to: string, 
/**
 * Records that stood in the range; fewer than its length where there were holes before.
 */
count: string, bytes: string, reason: LossReason, };

/**
 * Why a log began a new epoch (AS-061).
 */
export type EpochCause = "disk_behind" | "peer_behind" | "rows_missing" | "operator" | "unknown";

/**
 * Body of `aisle.log.epoch.v1`: logged in `audit` when a new epoch begins, after what is logged again.
 */
export type LogEpoch = { epoch: string, previous: string | null, cause: EpochCause, };

/**
 * Something on a node that a person should look at.
 */
export type NodeAlarm = "storage_nearly_full" | "storage_full" | "disk_full" | "identity_in_use" | "clock_off" | "certificate_due" | "certificate_expired" | "disk_behind" | "stream_held" | "clone_suspected" | "superseded" | "replaced" | "unsupported" | "unknown";

/**
 * One class of the log's disk budget (AS-053).
 */
export type ClassBudget = { used_bytes: string, budget_bytes: string, 
/**
 * Accepted and not yet applied.
 */
pending: string, };

/**
 * Body of the reported document `node/self`.
 */
export type NodeReport = { software: string, 
/**
 * Sorted, each at most once.
 */
alarms: Array<NodeAlarm>, 
/**
 * Must never be lost.
 */
class_a: ClassBudget, 
/**
 * May be dropped, oldest first, and counted.
 */
class_c: ClassBudget, 
/**
 * Days that class A can go on without the cloud at the mean of the last seven days (AS-059); none before there is a mean.
 */
offline_days: number | null, at: string, };

/**
 * What became of a revision at the store (AS-076).
 */
export type DocumentStatus = "applying" | "applied" | "rejected" | "overridden" | "unknown";

/**
 * Body of the reported document `desired/{key}`.
 */
export type DocumentReport = { 
/**
 * Of the newest record of the document.
 */
rev: string, status: DocumentStatus, 
/**
 * Why it was rejected: `unreadable`, `not_here`, `wrong_key`, `programme`, `product`, `time_zone`, `too_many`; `media`,
 * `content.no_space`, `content.no_source`, `content.wrong_size` or `content.wrong_hash` for what it names.
 */
code: string | null, };

/**
 * What is shown instead of a desired document: a whole body of the same kind.
 */
export type OverrideBody = ScreenProgramme | NfcProgramme;

/**
 * Body of the reported document `override/{key}`: it wins over the desired document until its time is spent (AS-077).
 */
export type Override = { body: OverrideBody, reason: string, 
/**
 * Who put it there: the device, such as `screen/window-1`, or `operator` for whoever is at the box. Names nobody.
 */
by: string, ttl_s: number, 
/**
 * When it was put there, by the store's clock; names it, with its key.
 */
at: string, };

/**
 * Staff show something else for a while.
 */
export type OverrideRequest = { 
/**
 * Shown alone; may be shown to everybody.
 */
content: Content, reason: string, 
/**
 * 1 s … a week.
 */
ttl_s: number, };

/**
 * Body of the order `aisle.override.clear.v1`: the desired document shall be in force again before the override's time is spent.
 */
export type ClearOverride = { 
/**
 * Of the desired document, such as `screen/window-1`.
 */
key: string, 
/**
 * The override that is meant; a newer one stays.
 */
at: string, 
/**
 * Not run after this: the override has ended by itself.
 */
expires: string, };

/**
 * What a device is; also the topic level that holds its kind.
 */
export type DeviceKind = "screen" | "nfc" | "door" | "sensor" | "tablet";

/**
 * A zone on the store plan, in metres.
 */
export type ZonePlan = { zone: ZoneId, name: LocalText, x: number, y: number, w: number, h: number, };

/**
 * A thing on the plan.
 */
export type DevicePlan = { kind: DeviceKind, id: DeviceId, name: LocalText, zone: ZoneId, x: number, y: number, };

/**
 * Body of the desired document `store`.
 */
export type StoreProfile = { store: StoreId, name: string, 
/**
 * IANA zone, e.g. `Europe/Berlin`.
 */
time_zone: string, 
/**
 * Metres.
 */
width: number, height: number, zones: Array<ZonePlan>, devices: Array<DevicePlan>, 
/**
 * Local closing time `HH:MM`; visits end 30 min later (DOMAIN 8 row 19).
 */
closes: string, 
/**
 * Public address of the shop PWA, for codes: `https://shop.example.com`.
 */
shop_url: string, };

/**
 * What a sensor sees: a number, never a person.
 */
export type ZoneCount = { zone: ZoneId, people: number, };

/**
 * Body of the reported document `zone/{zone}`.
 */
export type ZoneReport = { zone: ZoneId, 
/**
 * Checked-in visits last seen here.
 */
visits: number, 
/**
 * People that sensors count here.
 */
people: number, at: string, };

/**
 * The door's current check-in code.
 */
export type DoorCode = { touchpoint: TouchpointId, code: string, 
/**
 * URL for QR and NFC that holds the code.
 */
url: string, expires: string, };

/**
 * How a customer checked in.
 */
export type CheckInMethod = "app_qr" | "nfc";

/**
 * Hybrid logical clock: orders events inside a visit when wall clocks do not.
 */
export type Hlc = { 
/**
 * Unix milliseconds.
 */
physical_ms: number, counter: number, };

/**
 * Body of `aisle.visit.opened.v1`. The pass stands for the customer; only the cloud can resolve it.
 */
export type VisitOpened = { visit: VisitId, token: VisitToken, pass: PassId, method: CheckInMethod, touchpoint: TouchpointId, at: string, hlc: Hlc, };

/**
 * Body of `aisle.visit.device-attached.v1`: a check-in into a visit that is open already (DOMAIN 8 row 7).
 */
export type DeviceAttached = { visit: VisitId, pass: PassId, at: string, hlc: Hlc, };

/**
 * What happened during a visit.
 */
export type VisitSignal = { "kind": "zone_entered", zone: ZoneId, } | { "kind": "tapped", display: DisplayId, offer: OfferId | null, } | { "kind": "scanned", sku: Sku, };

/**
 * Body of `aisle.visit.seen.v1`.
 */
export type VisitSeen = { visit: VisitId, signal: VisitSignal, at: string, hlc: Hlc, };

/**
 * Why a visit ended.
 */
export type CloseReason = "checked_out" | "left" | "timeout" | "handed_over" | "erased";

/**
 * Body of `aisle.visit.closed.v1`.
 */
export type VisitClosed = { visit: VisitId, reason: CloseReason, 
/**
 * For a time-out the last signal, else the instant of closing.
 */
ended_at: string, hlc: Hlc, };

/**
 * Body of the order `aisle.visit.admit.v1`: a phone off the store's network checked in through the cloud; the node decides.
 */
export type AdmitVisit = { 
/**
 * Names this check-in towards the phone.
 */
checkin: EventId, code: string, pass: string, method: CheckInMethod, expires: string, };

/**
 * Body of the order `aisle.visit.close.v1`.
 */
export type CloseVisit = { visit: VisitId, reason: CloseReason, };

/**
 * Body of `aisle.order.done.v1` (stream `audit`): what became of an order; `causationid` names it.
 */
export type OrderDone = { order: EventId, outcome: OrderOutcome, 
/**
 * Refusal reason, e.g. `replayed`.
 */
reason: string | null, visit: VisitId | null, };

export type OrderOutcome = "done" | "refused" | "expired";

/**
 * Body of `aisle.checkin.refused.v1` (stream `audit`): counted and shown, names nobody.
 */
export type CheckInRefused = { touchpoint: TouchpointId | null, 
/**
 * `expired`, `replayed`, `wrong_store`, `pass_invalid`, `malformed`.
 */
reason: string, at: string, };

/**
 * One offer in a context lease, best first.
 */
export type RankedOffer = { offer: OfferId, score: number, 
/**
 * Reason code that surfaces translate: `often_buys`, `popular_here`, `new_for_you`, `wish`.
 */
why: string, };

/**
 * Body of the desired document `context/{visit token}`: all that a store may know of an open visit (DOMAIN 12). Lives 15 min from the
 * node's receipt, renewed while the visit is open; without it the node fails closed.
 */
export type ContextLease = { visit: VisitId, language: Language, 
/**
 * Purposes granted: `instore_context`, `location`, …
 */
consents: Array<string>, consent_epoch: number, 
/**
 * Segments of at least 50 members in the store's region.
 */
segments: Array<string>, offers: Array<RankedOffer>, 
/**
 * Interrupts left in this visit.
 */
interrupts_left: number, lease_s: number, };

/**
 * RFC 9457 problem details; also the body of a device's error topic.
 */
export type Problem = { 
/**
 * `/problems/{code}`: a page that explains it.
 */
type: string, title: string, status: number, 
/**
 * Stable reason in snake_case, e.g. `expired`, `replayed`, `wrong_store`.
 */
code: string, detail: string | null, 
/**
 * The field at fault, as a JSON pointer (`/price/minor`) or header name.
 */
field: string | null, 
/**
 * Reference number to tell support; also in the log and the trace.
 */
instance: string, 
/**
 * All faults, where a body has several.
 */
errors?: Array<FieldError>, };

/**
 * One fault of one field.
 */
export type FieldError = { field: string, reason: string, };

/**
 * A device opens its session; the answer sets the cookie `aisle_device`.
 */
export type DeviceSignIn = { kind: DeviceKind, device: DeviceId, secret: string, };

/**
 * A phone checks in at the door.
 */
export type NodeCheckIn = { code: string, pass: string, method: CheckInMethod, };

/**
 * The visit is open.
 */
export type NodeCheckedIn = { visit: VisitId, token: VisitToken, 
/**
 * True where this check-in joined a visit that was open already.
 */
joined: boolean, };

/**
 * A phone says in which zone it is (opted-in app only).
 */
export type ZoneEntered = { zone: ZoneId, };

/**
 * What anyone may know of the node.
 */
export type NodeOverview = { store: StoreId, visits_open: number, 
/**
 * Up to date with the cloud; the store works either way.
 */
cloud: CloudLink, 
/**
 * Records accepted and not yet applied by the cloud.
 */
pending: number, 
/**
 * Alarms, use of the disk, offline capacity.
 */
report: NodeReport, at: string, };

export type CloudLink = "open" | "cut" | "halted";

/**
 * Ask for a sign-in code by e-mail. The answer is the same whether the address is known or not.
 */
export type SignInStart = { email: string, language: Language, };

/**
 * Give the code from the mail; the answer sets the cookie `aisle_session`.
 */
export type SignInFinish = { email: string, 
/**
 * Six digits.
 */
code: string, };

/**
 * Who is signed in.
 */
export type Me = { customer: CustomerId, language: Language, 
/**
 * True right after the account was made: show consent first.
 */
new: boolean, roles: Array<Role>, visit: VisitView | null, 
/**
 * Interrupts are off until then.
 */
paused_until: string | null, };

export type Role = "customer" | "marketer" | "agent" | "operator";

/**
 * Change own settings; what is left out stays.
 */
export type MeChange = { language: Language | null, 
/**
 * Pause marketing for so many days, 0 ends the pause.
 */
pause_days: number | null, 
/**
 * Channels the customer switches off or on, e.g. `push`.
 */
channel: ChannelSwitch | null, };

export type ChannelSwitch = { channel: string, enabled: boolean, };

/**
 * Where the person is, for the layout of home (A85).
 */
export type ContextClass = "home" | "transit" | "near_store" | "in_store" | "at_till" | "post_visit";

/**
 * Elements of the home page, first one first.
 */
export type Home = { context: ContextClass, elements: Array<HomeElement>, };

export type HomeElement = "scanner" | "offers" | "inspiration" | "bookmarks" | "check_in" | "check_out" | "receipt";

/**
 * A card in the own feed.
 */
export type Card = { card: CardId, offer: OfferId, offer_rev: number, product: Product, content: Content, price: Money, was: Money | null, 
/**
 * Reason codes: `often_buys`, `popular_here`, `new_for_you`, `wish`.
 */
why: Array<string>, visit: VisitId | null, until: string, bookmarked: boolean, at: string, 
/**
 * Of the check-in that led to it.
 */
traceparent: string | null, };

/**
 * The own feed, best first.
 */
export type Feed = { cards: Array<Card>, 
/**
 * Version of the profile it was made from.
 */
version: number, };

/**
 * What the person did with a card or message.
 */
export type OutcomeReport = { outcome: Outcome, };

export type Outcome = "opened" | "dismissed" | "ignored" | "not_interesting" | "converted";

/**
 * A marked offer.
 */
export type Bookmark = { offer: OfferId, product: Product, price: Money, was: Money | null, until: string, at: string, };

export type Bookmarks = { bookmarks: Array<Bookmark>, };

export type BookmarkAdd = { offer: OfferId, };

/**
 * A message that interrupts; handed over on the stream while the app is open.
 */
export type PushMessage = { candidate: CandidateId, offer: OfferId | null, title: LocalText, body: LocalText, at: string, };

/**
 * How much interruption is left (A15).
 */
export type Restraint = { context: ContextClass, 
/**
 * Interrupts left now and in the rolling week.
 */
left_now: number, left_week: number, fatigue: number, paused_until: string | null, channels_disabled: Array<string>, };

/**
 * Signed one-time passes for check-in at a store, also offline.
 */
export type Passes = { passes: Array<PassView>, };

export type PassView = { pass: string, expires_at: string, };

export type PassRequest = { 
/**
 * 1 to 5.
 */
count: number, };

/**
 * Check in through the cloud with the door's code.
 */
export type CloudCheckIn = { code: string, method: CheckInMethod, };

/**
 * On its way to the store; the visit arrives on the stream.
 */
export type CheckInAccepted = { checkin: EventId, store: StoreId, };

/**
 * A check-in that the store refused, on the stream.
 */
export type CheckInRefusal = { checkin: EventId, reason: string, };

/**
 * A visit as its customer and staff see it.
 */
export type VisitView = { visit: VisitId, store: StoreId, store_name: string, opened_at: string, zone: string | null, closed_at: string | null, closed_reason: CloseReason | null, traceparent: string | null, };

export type Visits = { visits: Array<VisitView>, };

/**
 * A phone opened the code of an NFC display.
 */
export type TapClaim = { code: string, };

/**
 * The dialogue about an offer (A34).
 */
export type Dialogue = { dialogue: DialogueId, store: StoreId, offer: OfferId | null, product: Product | null, content: Content | null, price: Money | null, was: Money | null, until: string | null, bookmarked: boolean, lines: Array<DialogueLine>, 
/**
 * Replies offered now.
 */
choices: Array<DialogueChoice>, };

export type DialogueLine = { 
/**
 * `store` or `customer`.
 */
from: string, text: LocalText, at: string, };

export type DialogueChoice = "keep" | "more_like_this" | "not_interesting" | "where_is_it";

export type DialogueReply = { choice: DialogueChoice, };

/**
 * A legal text in one language; a published version is never edited.
 */
export type LegalText = { id: string, version: number, language: Language, purpose: string, title: string, body: string, 
/**
 * SHA-256 of the body, lower-case hex; filled by the server.
 */
sha256: string, valid_from: string, valid_to: string | null, 
/**
 * Grants of older versions end here: a material change.
 */
requires_renewal_from: string | null, };

export type LegalTexts = { texts: Array<LegalText>, };

/**
 * Give or take back one consent.
 */
export type ConsentChange = { 
/**
 * `instore_context, location, marketing, profiling, measurement, partner_sharing`.
 */
purpose: string, 
/**
 * `push, watch, sms, email, in_app, print, staff`; none means all channels of the purpose.
 */
channel: string | null, granted: boolean, legal_text: string, version: number, language: Language, 
/**
 * SHA-256 of what was shown, lower-case hex.
 */
shown_sha256: string, };

/**
 * A consent record as its owner or an agent sees it.
 */
export type ConsentView = { consent: ConsentId, purpose: string, channel: string | null, granted: boolean, legal_text: string, version: number, language: Language, text_sha256: string, shown_sha256: string, method: string, occurred_at: string, 
/**
 * Whether it holds now (as of the instant asked for).
 */
in_force: boolean, };

export type Consents = { consents: Array<ConsentView>, epoch: number, as_of: string, };

/**
 * Exported proof of one consent record; verifiable by hash and signature.
 */
export type ConsentProof = { 
/**
 * Canonical JSON (RFC 8785) of the record with the full wording.
 */
record: string, sha256: string, 
/**
 * Ed25519 over `record`, base64url.
 */
signature: string, public_key: string, };

export type CampaignDraft = { name: string, from: string, to: string, 
/**
 * Cards per customer and rolling day; 0 = no limit.
 */
cap_per_day: number, };

export type Campaign = { campaign: CampaignId, name: string, from: string, to: string, cap_per_day: number, paused: boolean, offers: number, };

export type Campaigns = { campaigns: Array<Campaign>, };

/**
 * What a marketer edits.
 */
export type OfferDraft = { campaign: CampaignId, product: Product, price: Money, was: Money | null, from: string, to: string, target: OfferTarget, variants: Array<Variant>, fallback: Content | null, fallback_for: Array<SurfaceKind>, 
/**
 * CEL; empty means everyone whom the gate allows.
 */
rule: string, 
/**
 * Value to the programme, percent 0…100.
 */
value_percent: number, 
/**
 * Also as push, where consent and restraint allow.
 */
push: boolean, };

export type OfferState = "draft" | "published" | "withdrawn";

export type OfferView = { offer: OfferId, state: OfferState, rev: number, draft: OfferDraft, rule_sentence: LocalText, changed_at: string, cards_today: number, plays_today: number, };

export type Offers = { offers: Array<OfferView>, };

/**
 * What would happen: lint, and who of the last 24 h would get it.
 */
export type OfferPreview = { errors: Array<FieldError>, rule_sentence: LocalText, 
/**
 * Customers looked at, and how the gate would answer: `send` or a reason, most frequent first.
 */
looked_at: number, verdicts: Array<VerdictCount>, 
/**
 * Content per surface as it would be shown, after fallbacks.
 */
surfaces: Array<Variant>, };

export type VerdictCount = { reason: string, customers: number, };

/**
 * The verdict on one candidate: why did, or didn't, this customer get this.
 */
export type DecisionView = { decision: DecisionId, candidate: CandidateId, customer: CustomerId, offer: OfferId | null, 
/**
 * Product or message type, for people.
 */
title: LocalText, channel: string, store: StoreId | null, visit: VisitId | null, sent: boolean, 
/**
 * 1…10, the clause that refused; none where sent.
 */
clause: number | null, 
/**
 * `sent` or the reason of the clause, e.g. `no_consent`, `cap:daily`.
 */
reason: string, score: number | null, propensity: number | null, why: Array<string>, at: string, traceparent: string | null, };

export type Decisions = { decisions: Array<DecisionView>, 
/**
 * Give as `before` for older ones.
 */
next: string | null, };

export type StoreLive = { profile: StoreProfile, link: NodeLink, visits_open: number, zones: Array<ZoneReport>, screens: Array<ScreenReport>, displays: Array<NfcReport>, 
/**
 * Each reported device; what a store said before its line was lost is not what is so now.
 */
devices: Array<DeviceLink>, 
/**
 * None where the store has never had a set.
 */
emergency: EmergencyState | null, at: string, };

export type StoreSummary = { store: StoreId, name: string, visits_open: number, link: NodeLink, };

export type Stores = { stores: Array<StoreSummary>, };

/**
 * A node as the fleet view shows it.
 */
export type NodeLink = { node: NodeId, state: NodeState, 
/**
 * Last message of the node; none before the first.
 */
seen_at: string | null, 
/**
 * Last change between connected and lost.
 */
since: string | null, 
/**
 * Records the node still holds for us, as it last said.
 */
pending: number, software: string, 
/**
 * Records applied, and those that stand in quarantine.
 */
applied: number, quarantined: number, };

export type NodeState = "new" | "online" | "offline" | "lost";

/**
 * Staff sends a command to one screen; it is done once and not after `ttl_s`.
 */
export type ScreenCommandRequest = { 
/**
 * 1 to 3600.
 */
ttl_s: number, command: ScreenCommandKind, };

export type Fleet = { nodes: Array<NodeLink>, 
/**
 * One for each of `nodes`, in the same order.
 */
health: Array<NodeHealth>, 
/**
 * The newest of those that nobody has settled.
 */
quarantine: Array<QuarantineView>, 
/**
 * How many there are in all.
 */
quarantine_open: number, at: string, };

/**
 * How a node is, apart from its link.
 */
export type NodeHealth = { node: NodeId, store: StoreId, 
/**
 * Name of the store, for people.
 */
name: string, 
/**
 * It is its store's active node; another one was replaced.
 */
active: boolean, 
/**
 * An operator has re-claimed it, and it has not come back yet.
 */
reclaim: boolean, 
/**
 * What it last said of itself.
 */
report: NodeReport | null, 
/**
 * What the cloud sees of it, which it cannot say itself. Sorted by alarm, each at most once.
 */
seen: Array<SeenAlarm>, 
/**
 * By how many seconds its clock was ahead of the cloud's when it was last heard; negative where it was behind.
 */
clock_skew_s: number | null, 
/**
 * When its newest certificate ends; none where the cloud gave it none.
 */
certificate_until: string | null, losses: Array<LossView>, held: Array<HeldStream>, 
/**
 * Documents whose newest revision is neither applied nor rejected there, and when the oldest of these was written (AS-076).
 */
documents_behind: number, behind_since: string | null, 
/**
 * Documents whose newest revision it rejected.
 */
rejected: Array<RejectedDocument>, 
/**
 * What its staff show instead of documents (AS-077).
 */
overrides: Array<OverrideView>, 
/**
 * Orders that it has not applied.
 */
orders_waiting: number, };

/**
 * An alarm that the cloud raises about a node.
 */
export type SeenAlarm = { alarm: NodeAlarm, 
/**
 * When it was seen last.
 */
at: string, };

/**
 * Why records of a stream have no effect and never will.
 */
export type LossKind = "hole" | "unkept" | "budget" | "disk_full" | "ambiguous" | "receiver_restored" | "unknown";

/**
 * What was lost of one stream for one reason, and the newest range of it.
 */
export type LossView = { stream: string, kind: LossKind, records: number, 
/**
 * 0 where nobody can know.
 */
bytes: number, epoch: string, from: string, to: string, at: string, };

/**
 * A stream that is held back after too many records in a row that could not be applied (AS-050).
 */
export type HeldStream = { stream: string, 
/**
 * The last record that went to quarantine.
 */
cursor: string, poison_run: number, since: string, };

/**
 * A document that a store rejected.
 */
export type RejectedDocument = { key: string, 
/**
 * As the node says it, such as `not_here`.
 */
code: string, };

/**
 * What staff show instead of a document, for a while.
 */
export type OverrideView = { 
/**
 * Of the document.
 */
key: string, reason: string, 
/**
 * The device, or `operator`.
 */
by: string, at: string, 
/**
 * By the store's clock, as far as it tells the time.
 */
until: string, };

/**
 * Whether a device of a store can be reached, as far as anyone knows.
 */
export type DeviceLink = { kind: DeviceKind, id: DeviceId, state: DeviceState, };

export type DeviceState = "online" | "offline" | "unknown";

/**
 * A record that was accepted and cannot be applied. Its place in the node's log names it.
 */
export type QuarantineView = { node: NodeId, stream: string, epoch: string, seq: string, event: EventId, type_name: string, 
/**
 * Why it could not be applied the last time.
 */
error: string, at: string, 
/**
 * How often it was driven again in vain.
 */
tries: number, 
/**
 * What became of it; none while it stands in quarantine.
 */
settled: QuarantineSettled | null, };

export type QuarantineSettled = { fate: QuarantineFate, at: string, 
/**
 * The member of staff who decided.
 */
by: CustomerId, 
/**
 * Why, where it was discarded.
 */
reason: string, };

export type QuarantineFate = "applied" | "not_needed" | "discarded";

/**
 * A quarantined record with its bytes, as they came.
 */
export type QuarantineRecord = { record: QuarantineView, raw: string, };

/**
 * An operator decides something that no machine may; the reason stands in the audit.
 */
export type OperatorDecision = { 
/**
 * 1 to 200 characters.
 */
reason: string, };

/**
 * On the console's stream: something happened to a store's link.
 */
export type LinkEvent = { link: NodeLink, at: string, };

/**
 * Sales of a known customer, for relevance.
 */
export type SalesReport = { 
/**
 * Idempotency key of the source.
 */
source_ref: string, email: string, at: string, lines: Array<SalesLine>, };

export type SalesLine = { product: Product, quantity: number, };

/**
 * A message that some system wants to send.
 */
export type CandidateRequest = { candidate: CandidateId, email: string, kind: MessageKind, 
/**
 * `push, sms, email, in_app, …`.
 */
channel: string, offer: OfferId | null, category: string | null, title: LocalText, body: LocalText, 
/**
 * Probability of relevance 0…1 as the source sees it; none: aisle's own ranking.
 */
relevance: number | null, 
/**
 * Value to the programme 0…1.
 */
value: number, valid_until: string, };

export type MessageKind = "marketing" | "transactional";

/**
 * Context that a system knows of a customer, for clause 4 and home.
 */
export type ContextReport = { email: string, class: ContextClass | null, hurried: boolean | null, open_complaint: boolean | null, };

/**
 * A product seen in sales or offers.
 */
export type Catalogue = { products: Array<Product>, };

/**
 * The document: its key follows from what it is about. Media of a programme are filled in from what is kept.
 */
export type RolloutBody = ScreenProgramme | NfcProgramme | EmergencySet;

/**
 * How far a wave goes.
 */
export type WaveReach = { "stores": Array<StoreId> } | { "percent": number };

/**
 * A rollout to begin.
 */
export type RolloutDraft = { name: string, body: RolloutBody, 
/**
 * The cohort; empty means all stores.
 */
stores: Array<StoreId>, waves: Array<WaveReach>, 
/**
 * Stores that get the document in one minute at most.
 */
per_minute: number, 
/**
 * Share of a wave that may reject before all is rolled back, percent.
 */
rejected_percent_max: number, 
/**
 * Share of a wave that must have applied before the next one begins, percent.
 */
applied_percent_min: number, 
/**
 * How long after its last store a wave may take for that, seconds.
 */
patience_s: number, };

export type RolloutPhase = "running" | "paused" | "rolling_back" | "done" | "rolled_back";

/**
 * Why a rollout goes, or went, back.
 */
export type RolloutReason = "too_many_rejected" | "not_converged" | "staff";

export type RolloutProgress = "waiting" | "set" | "applied" | "rejected" | "restored" | "overtaken";

/**
 * One store of a rollout.
 */
export type RolloutStore = { store: StoreId, name: string, 
/**
 * From 0.
 */
wave: number, progress: RolloutProgress, 
/**
 * Why it was rejected.
 */
code: string | null, 
/**
 * When the document was written for it.
 */
set_at: string | null, };

/**
 * A rollout as it stands.
 */
export type RolloutView = { rollout: EventId, name: string, 
/**
 * Of the document, such as `screen/window-1`.
 */
key: string, phase: RolloutPhase, reason: RolloutReason | null, 
/**
 * The wave that is being served, from 0.
 */
wave: number, per_minute: number, rejected_percent_max: number, applied_percent_min: number, patience_s: number, stores: Array<RolloutStore>, made_by: CustomerId, made_at: string, ended_at: string | null, };

/**
 * Newest first.
 */
export type Rollouts = { rollouts: Array<RolloutView>, };

/**
 * A box asks for its first certificate.
 */
export type EnrolmentRequest = { 
/**
 * As `aisle enrol claim` printed it.
 */
claim: string, 
/**
 * Signing request in PEM, made with a key that stays on the box.
 */
request: string, };

/**
 * A node asks for its next certificate.
 */
export type RenewalRequest = { 
/**
 * The present certificate in PEM.
 */
certificate: string, 
/**
 * Signing request in PEM, made with a new key.
 */
request: string, 
/**
 * Signature over `request` by the present certificate's key, in hex: TLS may end at a proxy, and an expired certificate passes none.
 */
signature: string, };

/**
 * A certificate was given.
 */
export type Enrolled = { node: NodeId, 
/**
 * The certificate in PEM.
 */
certificate: string, 
/**
 * The authority's certificate in PEM.
 */
authority: string, not_after: string, };

/**
 * One handshake from its offer to its end: 128 random bits, 32 lower-case hex digits.
 */
export type HandshakeId = string;

/**
 * What the customer may share with the adviser. There is none for location, and none for risk or price affinity: those are never shown.
 */
export type Scope = "display_name" | "bookmarks" | "cart" | "wishlist" | "sizes" | "purchases.90d" | "purchases.all" | "notes.read" | "notes.write" | "contact";

/**
 * The comparison number with a colour and a shape, so that a glance is enough and none of the three stands alone.
 */
export type Sas = { 
/**
 * 0 to 9999, printed "36 60".
 */
number: number, 
/**
 * 0 to 5: blue, green, orange, purple, red, teal.
 */
colour: number, 
/**
 * 0 to 5: circle, square, triangle, diamond, star, hexagon.
 */
shape: number, };

/**
 * What the cloud lets one tablet do for one customer, for a while. Names nobody: the store knows the grant alone.
 */
export type Lease = { grant: EventId, handshake: HandshakeId, 
/**
 * Drawn for this grant; means nothing to anybody but the cloud.
 */
pseudonym: EventId, 
/**
 * Staff number, not a name.
 */
staff: string, device: DeviceId, 
/**
 * SHA-256 of what the tablet proves itself with, lower-case hex.
 */
device_sha256: string, scopes: Array<Scope>, issued_at: string, expires_at: string, 
/**
 * Rises with each renewal of the grant, from 1.
 */
seq: number, };

/**
 * A member of staff as a customer sees them.
 */
export type StaffCard = { 
/**
 * Staff number.
 */
staff: string, first_name: string, 
/**
 * Name of a picture, as content names one; none shows initials.
 */
photo: string | null, role: string, };

/**
 * Where a handshake stands, as far as its customer may know.
 */
export type HandshakeState = "offered" | "claimed" | "active" | "over";

/**
 * Who offers advice. From the cloud, so that a page made up in a store cannot claim to be somebody.
 */
export type HandshakeFacts = { handshake: HandshakeId, store: StoreId, store_name: string, staff: StaffCard, 
/**
 * What they would like to see.
 */
wanted: Array<Scope>, 
/**
 * What there is to share.
 */
shared: Array<Scope>, minutes: Array<number>, 
/**
 * In their words; may be empty.
 */
reason: string, 
/**
 * SHA-256 to which the tablet's side committed itself, lower-case hex.
 */
commit: string, 
/**
 * Of the offer.
 */
expires_at: string, state: HandshakeState, };

/**
 * Claims an offer with the code that the tablet shows.
 */
export type HandshakeClaim = { code: string, 
/**
 * 32 random bytes of the phone, lower-case hex.
 */
nonce: string, };

/**
 * The first claim; the phone checks `nonce` against the commitment and shows the comparison number.
 */
export type HandshakeClaimed = { 
/**
 * 32 random bytes of the tablet's side, lower-case hex.
 */
nonce: string, };

/**
 * What the customer ticked, after they compared the number.
 */
export type HandshakeGrant = { 
/**
 * Drawn by the phone; a second use is a replay.
 */
jti: EventId, scopes: Array<Scope>, 
/**
 * 5, 10 or 20.
 */
minutes: number, legal_text: string, version: number, language: Language, 
/**
 * SHA-256 of what was shown, lower-case hex.
 */
shown_sha256: string, };

/**
 * Granted.
 */
export type HandshakeGranted = { grant: EventId, scopes: Array<Scope>, until: string, };

/**
 * Who saw what, and until when.
 */
export type HandshakeReceipt = { handshake: HandshakeId, store_name: string, staff: StaffCard, state: HandshakeState, granted_at: string | null, until: string | null, ended_at: string | null, 
/**
 * Granted.
 */
scopes: Array<Scope>, 
/**
 * Names of what was read in fact, each once.
 */
read: Array<string>, };

/**
 * What a customer tells about themselves, to be shared with an adviser and nobody else.
 */
export type AboutMe = { 
/**
 * How they like to be called.
 */
display_name: string | null, wishes: Array<Wish>, sizes: Array<OwnSize>, };

/**
 * Something they look for.
 */
export type Wish = { 
/**
 * A product, where it is one.
 */
sku: Sku | null, text: string, };

/**
 * A size they declared: "shoes", "42".
 */
export type OwnSize = { of: string, size: string, };

/**
 * What is inside sealed bytes: the fields of one scope, for the tablet alone.
 */
export type SharedFields = { scope: Scope, fields: Array<SharedField>, };

/**
 * One field; its name, never its value, stands in the audit.
 */
export type SharedField = { 
/**
 * `wishlist.0`, `sizes.1`, `display_name`.
 */
name: string, value: string, 
/**
 * A product, where it is one.
 */
sku: Sku | null, };

/**
 * Fields that only the tablet can open: ECDH P-256 with HKDF-SHA-256, AES-256-GCM. Base64url.
 */
export type SealedFields = { 
/**
 * One-time public key of the cloud, an uncompressed point.
 */
key: string, sealed: string, };

/**
 * What a node asks of the cloud about one handshake of its store.
 */
export type RelayCall = { "call": "announce", 
/**
 * Lower-case hex.
 */
commit: string, staff: StaffCard, device: DeviceId, 
/**
 * Lower-case hex.
 */
device_sha256: string, wanted: Array<Scope>, reason: string, expires_at: string, } | { "call": "poll", after: string, } | { "call": "answer", ask: EventId, nonce: string | null, refused: string | null, } | { "call": "renew" } | { "call": "read", staff: string, device_sha256: string, scope: Scope, 
/**
 * P-256 public key of the tablet, an uncompressed point, base64url.
 */
key: string, } | { "call": "end", outcome: string, };

/**
 * What the cloud answers.
 */
export type RelayReply = { "reply": "done" } | { "reply": "asks", asks: Array<RelayAsk>, 
/**
 * For the next poll.
 */
after: string, } | { "reply": "lease", lease: string, } | { "reply": "sealed", sealed: SealedFields, } | { "reply": "over" };

/**
 * Something that the customer's phone asked.
 */
export type RelayAsk = { ask: EventId, } & ({ "what": "claim", code: string, visit: VisitId, nonce: string, language: Language, } | { "what": "attend" } | { "what": "deny" } | { "what": "granted", lease: string, } | { "what": "revoke" });

/**
 * See [`RelayAsk`].
 */
export type RelayAskKind = { "what": "claim", code: string, visit: VisitId, nonce: string, language: Language, } | { "what": "attend" } | { "what": "deny" } | { "what": "granted", lease: string, } | { "what": "revoke" };

/**
 * A member of staff begins a shift at a tablet, or unlocks it.
 */
export type StaffSignIn = { 
/**
 * What the badge says.
 */
badge: string, pin: string, };

/**
 * Who is on shift.
 */
export type StaffOnShift = { staff: StaffCard, };

/**
 * Offers advice to whoever scans.
 */
export type OfferAdvice = { wanted: Array<Scope>, reason: string, };

/**
 * The offer stands; its code comes on the stream.
 */
export type AdviceOffered = { handshake: HandshakeId, };

/**
 * Asks for what was shared.
 */
export type ReadShared = { scope: Scope, 
/**
 * P-256 public key made for this consultation, an uncompressed point, base64url; its private half never leaves the tablet.
 */
key: string, };

/**
 * What the tablet shows.
 */
export type TabletView = { "state": "locked", 
/**
 * First name of who is on shift.
 */
first_name: string | null, } | { "state": "ready", staff: StaffCard, } | { "state": "offered", staff: StaffCard, handshake: HandshakeId, 
/**
 * `XXXX-XXXX`, as of now.
 */
code: string, 
/**
 * What the QR code holds; none before the store's profile has come. The code is in the fragment: no server sees it.
 */
url: string | null, code_until: string, expires_at: string, 
/**
 * Whether the cloud knows the offer: before, no phone can open it.
 */
announced: boolean, } | { "state": "claimed", staff: StaffCard, handshake: HandshakeId, sas: Sas, language: Language, } | { "state": "active", staff: StaffCard, handshake: HandshakeId, scopes: Array<Scope>, until: string, 
/**
 * No word from the cloud for two minutes: nothing is read until there is one.
 */
suspended: boolean, } | { "state": "over", staff: StaffCard, handshake: HandshakeId, 
/**
 * False for every way in which nothing was shared.
 */
shared: boolean, minutes: number, };

/**
 * The tablet is there.
 */
export type TabletSign = { 
/**
 * Somebody touched it since the last sign.
 */
touched: boolean, };
