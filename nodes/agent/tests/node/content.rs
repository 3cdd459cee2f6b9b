//! Content by hash: fetched from where it ended, verified before it is in force, refused when it is another.
use std::ops::Range;
use std::sync::{Arc, Mutex};

use aisle_mesh::clock::{Clock, ManualClock};
use aisle_node::config::ContentConfig;
use aisle_node::content::{Content, ContentKeeper, ContentParts, Readiness};
use aisle_node_core::content::Named;
use aisle_schemas::blob::{Blob, ContentHash, Fetcher, MediaType};
use aisle_schemas::document::{DocumentReport, DocumentStatus, Revision};
use aisle_schemas::ids::NodeId;
use aisle_schemas::record::Body;
use aisle_schemas::screen::{ScreenPlan, ScreenProgramme};
use aisle_schemas::sync::{Seq, Stream};
use aisle_schemas::topic::DeviceKind;
use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::world::{World, document, programme, store_key};

/// A picture by its first bytes, longer than one read.
fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()));
    bytes
}

fn blob_of(bytes: &[u8]) -> Blob {
    Blob { sha256: ContentHash::of(bytes), size: u32::try_from(bytes.len()).unwrap(), mime: MediaType::of(bytes).unwrap() }
}

/// Path, first byte asked for, and who asked.
type Asked = (String, u64, Option<Fetcher>);

/// A cloud that serves one answer after the other, whatever is asked for, and notes where each began.
struct FakeCloud {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Permits to answer; a test may take its time.
    gate: Arc<Semaphore>,
}

/// What of the bytes is sent before the line breaks.
type Cut = Option<usize>;

impl FakeCloud {
    async fn serving(bytes: Vec<u8>, cuts: Vec<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let (notes, permits) = (Arc::clone(&asked), Arc::clone(&gate));
        tokio::spawn(async move {
            let mut cuts = cuts.into_iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // A node that was killed has hung up.
                let Some((path, from, fetcher)) = read_request(&mut stream).await else { continue };
                notes.lock().unwrap().push((path, from, fetcher));
                permits.acquire().await.unwrap().forget();
                let to = cuts.next().flatten().unwrap_or(bytes.len());
                answer(&mut stream, &bytes, usize::try_from(from).unwrap()..to).await;
            }
        });
        Self { address, asked, gate }
    }

    fn open(&self) {
        self.gate.add_permits(100);
    }

    fn begins(&self) -> Vec<u64> {
        self.asked.lock().unwrap().iter().map(|(_, from, _)| *from).collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut text = String::new();
    while !text.contains("\r\n\r\n") {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    let path = text.split(' ').nth(1).unwrap().to_owned();
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let from = header("range: bytes=").map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    Some((path, from, header("authorization: ").and_then(|value| Fetcher::parse(&value))))
}

async fn answer(stream: &mut TcpStream, bytes: &[u8], sent: Range<usize>) {
    let (status, left) = if sent.start > 0 { ("206 Partial Content", bytes.len() - sent.start) } else { ("200 OK", bytes.len()) };
    let range =
        if sent.start > 0 { format!("content-range: bytes {}-{}/{}\r\n", sent.start, bytes.len() - 1, bytes.len()) } else { String::new() };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {left}\r\n{range}connection: close\r\n\r\n");
    // A node that has seen enough hangs up, which is its right.
    stream.write_all(head.as_bytes()).await.unwrap_or_default();
    stream.write_all(&bytes[sent]).await.unwrap_or_default();
    stream.shutdown().await.unwrap_or_default();
}

/// The n-th revision of the one document.
fn rev(n: u64) -> Revision {
    Revision { epoch: 1, seq: Seq::new(n) }
}

struct Store {
    clock: Arc<ManualClock>,
    folder: TempDir,
    content: Content,
    keeper: ContentKeeper,
}

fn node() -> NodeId {
    NodeId::parse("acme.s042.n1").unwrap()
}

impl Store {
    async fn fetching_from(cloud: &FakeCloud) -> Self {
        let (clock, folder) = (ManualClock::new(), tempfile::tempdir().unwrap());
        let (content, keeper) = open(&clock, &folder, cloud, 1).await;
        Self { clock, folder, content, keeper }
    }

    fn want(&self, blob: Blob) {
        self.content.want(vec![Named { key: "screen/a".to_owned(), rev: Some(rev(1)), media: vec![blob] }]);
    }

    fn readiness(&self, blob: Blob) -> Readiness {
        self.content.readiness("screen/a", rev(1), &[blob])
    }

    async fn until(&self, blob: Blob, wanted: Readiness) {
        let mut known = self.content.changed();
        while self.readiness(blob) != wanted {
            known.changed().await.unwrap();
        }
    }

    /// Waits for the n-th failure, then lets the time until the next try pass.
    async fn after_failure(&self, n: u64) {
        self.content.changed().wait_for(|known| known.failures() >= n).await.unwrap();
        self.clock.advance(TimeDelta::minutes(5));
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn open(clock: &Arc<ManualClock>, folder: &TempDir, cloud: &FakeCloud, budget_mib: u32) -> (Content, ContentKeeper) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let config = ContentConfig { from: Some(cloud.address.clone()), ca: None, budget_mib };
    let parts =
        ContentParts { folder: folder.path().to_owned(), config, renewed_at: None, node: node(), key: store_key(), identity: None, clock };
    Content::start(parts).await.unwrap()
}

#[tokio::test]
async fn as_079_an_interrupted_download_goes_on_where_it_ended() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes.clone(), vec![Some(70_000), Some(130_000)]).await;
    cloud.open();
    let store = Store::fetching_from(&cloud).await;
    store.want(blob);
    store.after_failure(1).await;
    assert_eq!(store.readiness(blob), Readiness::Fetching);
    store.after_failure(2).await;
    store.until(blob, Readiness::Ready).await;
    assert_eq!(cloud.begins(), [0, 70_000, 130_000]);
    assert_eq!(store.content.read(blob.sha256).await.unwrap(), Some(bytes));
    assert_eq!(store.files(), [blob.sha256.to_string()], "nothing but the whole blob is left");
    for (path, _, fetcher) in cloud.asked.lock().unwrap().iter() {
        assert_eq!(path, &format!("/v1/content/{}", blob.sha256));
        let fetcher = fetcher.as_ref().unwrap();
        assert!(fetcher.node == node() && fetcher.is_proven(&store_key(), &blob.sha256), "it proves who asks");
    }
}

#[tokio::test]
async fn as_079_a_download_goes_on_after_a_restart() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes.clone(), vec![Some(70_000)]).await;
    cloud.open();
    let mut store = Store::fetching_from(&cloud).await;
    store.want(blob);
    store.content.changed().wait_for(|known| known.failures() == 1).await.unwrap();
    drop(store.keeper);
    (store.content, store.keeper) = open(&store.clock, &store.folder, &cloud, 1).await;
    store.want(blob);
    store.until(blob, Readiness::Ready).await;
    assert_eq!(cloud.begins(), [0, 70_000]);
}

#[tokio::test]
async fn as_079_another_content_of_the_same_size_is_refused_after_three_tries_and_leaves_nothing() {
    let bytes = picture();
    let blob = Blob { sha256: ContentHash::of(b"what was meant"), ..blob_of(&bytes) };
    let cloud = FakeCloud::serving(bytes, vec![]).await;
    cloud.open();
    let store = Store::fetching_from(&cloud).await;
    store.want(blob);
    store.after_failure(1).await;
    store.after_failure(2).await;
    store.until(blob, Readiness::Refused("content.wrong_hash")).await;
    assert_eq!((cloud.begins(), store.files()), (vec![0, 0, 0], vec![]));
    assert_eq!(store.content.read(blob.sha256).await.unwrap(), None);
}

#[tokio::test]
async fn as_079_more_than_was_named_is_refused() {
    let bytes = picture();
    let blob = Blob { size: 1_000, ..blob_of(&bytes) };
    let cloud = FakeCloud::serving(bytes, vec![]).await;
    cloud.open();
    let store = Store::fetching_from(&cloud).await;
    store.want(blob);
    store.after_failure(1).await;
    store.after_failure(2).await;
    store.until(blob, Readiness::Refused("content.wrong_size")).await;
}

#[tokio::test]
async fn what_rots_on_the_disk_is_never_shown_and_fetched_again() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes.clone(), vec![]).await;
    cloud.open();
    let store = Store::fetching_from(&cloud).await;
    store.want(blob);
    store.until(blob, Readiness::Ready).await;
    let mut rotten = bytes.clone();
    rotten[100] ^= 1;
    std::fs::write(store.folder.path().join(blob.sha256.to_string()), rotten).unwrap();
    let mut known = store.content.changed();
    known.borrow_and_update();
    assert_eq!(store.content.read(blob.sha256).await.unwrap(), None);
    known.changed().await.unwrap();
    store.until(blob, Readiness::Ready).await;
    assert_eq!(store.content.read(blob.sha256).await.unwrap(), Some(bytes));
}

#[tokio::test]
async fn content_without_room_is_refused_and_content_without_a_name_is_dropped() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes, vec![]).await;
    cloud.open();
    let (clock, folder) = (ManualClock::new(), tempfile::tempdir().unwrap());
    let (content, keeper) = open(&clock, &folder, &cloud, 0).await;
    let store = Store { clock, folder, content, keeper };
    store.want(blob);
    store.until(blob, Readiness::Refused("content.no_space")).await;
    assert_eq!(store.content.readiness("screen/a", rev(2), &[blob]), Readiness::Fetching, "of the next revision nobody knows yet");
    assert_eq!(cloud.begins(), [0_u64; 0]);
    drop(store.keeper);
    let (content, keeper) = open(&store.clock, &store.folder, &cloud, 1).await;
    let store = Store { content, keeper, ..store };
    store.want(blob);
    store.until(blob, Readiness::Ready).await;
    store.content.want(vec![]);
    store.until(blob, Readiness::Fetching).await;
    while !store.files().is_empty() {
        tokio::task::yield_now().await;
    }
}

fn fallback(plan: &ScreenPlan) -> (&str, Option<&str>) {
    let content = &plan.zones[0].items[0].content;
    (content.headline.de.as_str(), content.image.as_deref())
}

/// A programme that shows one picture.
fn pictured(blob: Blob) -> ScreenProgramme {
    let mut pictured = programme("window-1");
    pictured.subscription = None;
    pictured.fallback.headline.de = "with a picture".to_owned();
    pictured.fallback.image = Some(blob.sha256.image());
    pictured.media = vec![blob];
    pictured
}

#[tokio::test]
async fn as_079_a_revision_is_applying_until_its_content_is_verified_and_the_former_one_stays_in_force() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes.clone(), vec![]).await;
    let mut world = World::start().await;
    world.kill().await;
    world.content.from = Some(cloud.address.clone());
    world.receive(vec![document("screen/window-1", &Body::ScreenDesired(Box::new(pictured(blob))))]).await;
    let status = |wanted: DocumentStatus| move |report: &DocumentReport| report.status == wanted;
    // Also across a restart.
    for _ in 0..2 {
        world.run().await;
        let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
        let (_, plan): (_, ScreenPlan) = world.stream("/v1/screens/window-1/events", &cookie).await.next().await;
        assert_eq!(fallback(&plan), ("offer 1", None));
        let report = world.logs(Stream::Reported, status(DocumentStatus::Applying)).await;
        assert_eq!((report.rev.seq.get(), report.code), (6, None));
        world.kill().await;
    }
    world.run().await;
    let missing = world.http.get(world.url(&format!("/content/{}", blob.sha256))).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    cloud.open();
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    let plan: ScreenPlan = stream.until(|plan| fallback(plan).0 == "with a picture").await;
    assert_eq!(fallback(&plan).1, Some(blob.sha256.image().as_str()));
    world.logs(Stream::Reported, |report: &DocumentReport| report.rev.seq.get() == 6 && report.status == DocumentStatus::Applied).await;

    let get = |range: &'static str| world.http.get(world.url(&format!("/content/{}", blob.sha256))).header("range", range).send();
    let part = get("bytes=8-11").await.unwrap();
    assert_eq!((part.status().as_u16(), part.headers()["content-type"].to_str().unwrap()), (206, "image/png"));
    assert_eq!(part.headers()["content-security-policy"], "default-src 'none'; sandbox");
    assert!(part.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(part.bytes().await.unwrap(), bytes[8..12]);
    assert_eq!(get("bytes=999999-").await.unwrap().status(), 416);
    let whole = world.http.get(world.url(&format!("/content/{}", blob.sha256))).send().await.unwrap();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn as_079_a_revision_whose_content_cannot_come_is_rejected_and_a_newer_one_is_not_held_up() {
    let blob = blob_of(&picture());
    let mut world = World::start().await;
    world.kill().await;
    world.content.budget_mib = 0;
    world.receive(vec![document("screen/window-1", &Body::ScreenDesired(Box::new(pictured(blob))))]).await;
    world.run().await;
    let report = world.logs(Stream::Reported, |report: &DocumentReport| report.status == DocumentStatus::Rejected).await;
    assert_eq!(report.code.as_deref(), Some("content.no_space"));
    let cookie = world.cookie(DeviceKind::Screen, "window-1").await;
    let (_, plan): (_, ScreenPlan) = world.stream("/v1/screens/window-1/events", &cookie).await.next().await;
    assert_eq!(fallback(&plan), ("offer 1", None), "the former one stays");
    world.kill().await;
    let mut plain = programme("window-1");
    plain.subscription = None;
    world.receive(vec![document("screen/window-1", &Body::ScreenDesired(Box::new(plain)))]).await;
    world.run().await;
    let mut stream = world.stream("/v1/screens/window-1/events", &cookie).await;
    stream.until(|plan| fallback(plan).0 == "brand").await;
}

#[tokio::test]
async fn as_079_without_a_cloud_to_fetch_from_a_revision_stays_applying_because_an_operator_may_name_one() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes, vec![]).await;
    cloud.open();
    let mut world = World::start().await;
    world.kill().await;
    world.receive(vec![document("screen/window-1", &Body::ScreenDesired(Box::new(pictured(blob))))]).await;
    world.run().await;
    world.logs(Stream::Reported, |report: &DocumentReport| report.status == DocumentStatus::Applying).await;
    world.kill().await;
    world.content.from = Some(cloud.address.clone());
    world.run().await;
    world.logs(Stream::Reported, |report: &DocumentReport| report.rev.seq.get() == 6 && report.status == DocumentStatus::Applied).await;
}

#[tokio::test]
async fn what_is_fetched_when_nobody_wants_it_any_more_is_dropped_once_it_is_here() {
    let bytes = picture();
    let blob = blob_of(&bytes);
    let cloud = FakeCloud::serving(bytes, vec![]).await;
    let store = Store::fetching_from(&cloud).await;
    store.want(blob);
    while cloud.begins().is_empty() {
        tokio::task::yield_now().await;
    }
    store.content.want(vec![]);
    cloud.open();
    // The fetch ends whole beside the sweep, and only then its blob goes.
    while !store.files().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.content.changed().borrow().failures(), 0, "nothing was taken away under the fetch");
}
