//! Tags: messages as octets, and messages that a tag signs.
use aisle_node_core::ndef::content::uri_of;
use aisle_node_core::ndef::smart_poster::Title;
use aisle_node_core::ndef::split::{DEPTH_MAX, Fault, NdefError, RECORDS_MAX};
use aisle_node_core::ndef::{
    Action, BuildError, Content, Encoding, Record, RecordType, SmartPoster, Strictness, TagFileError, application, build, read, read_file,
    write_file,
};
use aisle_node_core::sun::template::ScreenTap;
use aisle_node_core::sun::verify::sign;
use aisle_node_core::sun::{
    FileKey, KeyError, Master, MetaKey, Mirrored, ScreenTag, SunError, Tamper, TemplateError, Uid, Unusable, verify,
};
use proptest::prelude::*;

fn link(iri: &str) -> Record {
    Record { id: String::new(), content: Content::Uri { iri: iri.to_owned() } }
}

fn strict(octets: &[u8]) -> Result<Vec<Record>, NdefError> {
    read(octets, Strictness::Strict)
}

#[test]
fn a_link_is_written_with_the_longest_prefix_and_an_app_beside_it() {
    let message = build(&[link("https://www.example.com"), application("com.example.shop")]).unwrap();
    assert_eq!(&message[..5], [0x91, 0x01, 0x0C, b'U', 0x02]);
    assert_eq!(&message[5..16], b"example.com");
    assert_eq!(&message[16..19], [0x54, 0x0F, 0x10]);
    assert_eq!(strict(&message).unwrap(), [link("https://www.example.com"), application("com.example.shop")]);
}

#[test]
fn a_payload_of_256_octets_has_a_length_of_four() {
    let record = |length| Record {
        id: "x".to_owned(),
        content: Content::Other { record_type: RecordType::Media("a/b".to_owned()), data: vec![7; length] },
    };
    assert_eq!(&build(&[record(255)]).unwrap()[..4], [0xDA, 3, 255, 1]);
    let long = build(&[record(256)]).unwrap();
    assert_eq!(&long[..7], [0xCA, 3, 0, 0, 1, 0, 1]);
    assert_eq!(strict(&long).unwrap(), [record(256)]);
}

#[test]
fn a_length_that_claims_more_than_is_there_is_refused() {
    let error = strict(&[0xC1, 1, 0xFF, 0xFF, 0xFF, 0xFF, b'U', 0]).unwrap_err();
    assert_eq!(error, NdefError { record: 1, fault: Fault::Missing { needed: 0xFFFF_FFFF, left: 1 } });
}

#[test]
fn octets_behind_the_last_record_are_refused() {
    let mut message = build(&[link("tel:1")]).unwrap();
    message.push(0xD0);
    assert_eq!(strict(&message), Err(NdefError { record: 1, fault: Fault::LeftOver }));
    assert_eq!(strict(&[]), Ok(Vec::new()));
}

#[test]
fn the_last_record_may_not_leave_a_chunk_open() {
    assert_eq!(strict(&[0xF5, 0, 0]), Err(NdefError { record: 1, fault: Fault::ChunkOpen }));
    let chunked = [0xB1, 1, 2, b'T', 2, b'd', 0x56, 0, 1, b'e'];
    let kinds: Vec<String> = strict(&chunked).unwrap().iter().map(|record| record.content.record_type().name()).collect();
    assert_eq!(kinds, ["urn:nfc:wkt:T", "unchanged"], "a part is kept as it is");
}

#[test]
fn a_relaxed_reader_takes_what_the_field_has_wrong() {
    let message = [0x11, 1, 2, b'U', 0x24, b'a'];
    assert_eq!(strict(&message), Err(NdefError { record: 1, fault: Fault::BeginMissing }));
    assert_eq!(read(&message, Strictness::Relaxed).unwrap(), [link("a")]);
}

#[test]
fn there_is_a_limit_to_records_and_to_messages_within_messages() {
    let empty = Record { id: String::new(), content: Content::Other { record_type: RecordType::Empty, data: Vec::new() } };
    let most = vec![empty.clone(); RECORDS_MAX];
    assert_eq!(strict(&build(&most).unwrap()).unwrap().len(), RECORDS_MAX);
    assert_eq!(build(&vec![empty; RECORDS_MAX + 1]), Err(BuildError::TooManyRecords));
    let mut one_more = build(&most).unwrap();
    let last = one_more.len() - 3;
    one_more[last] = 0x10;
    one_more.extend([0x50, 0, 0]);
    assert_eq!(strict(&one_more).unwrap_err().fault, Fault::TooManyRecords);

    let mut nested = build(&[link("tel:1")]).unwrap();
    for depth in 1..=DEPTH_MAX {
        let mut poster = vec![0x91, 1, 1, b'U', 0, 0x51, 2, u8::try_from(nested.len()).unwrap(), b'S', b'p'];
        poster.extend(&nested);
        nested = poster;
        assert_eq!(strict(&nested).is_ok(), depth < DEPTH_MAX, "{depth}");
    }
}

#[test]
fn what_is_not_ascii_is_escaped_in_the_uri_and_stands_in_the_iri() {
    assert_eq!(uri_of("https://example.com/ä?q=€"), "https://example.com/%C3%A4?q=%E2%82%AC");
}

#[test]
fn a_poster_has_one_title_per_language() {
    let text = |language: &str| Record {
        id: String::new(),
        content: Content::Text { text: "x".to_owned(), language: language.to_owned(), encoding: Encoding::Utf8 },
    };
    let poster = |records: &[Record]| {
        let inside = build(records).unwrap();
        [&[0xD1, 2, u8::try_from(inside.len()).unwrap(), b'S', b'p'], inside.as_slice()].concat()
    };
    assert!(strict(&poster(&[link("tel:1"), text("de"), text("en")])).is_ok());
    assert_eq!(strict(&poster(&[link("tel:1"), text("de"), text("de")])).unwrap_err().fault, Fault::PosterTitles("de".to_owned()));
}

#[test]
fn a_file_whose_length_does_not_frame_its_message_is_refused() {
    let message = build(&[link("https://example.com")]).unwrap();
    let file = write_file(&message).unwrap();
    assert_eq!(read_file(&file), Ok(message.as_slice()));
    assert_eq!(read_file(&file[..file.len() - 1]), Err(TagFileError::Length { said: message.len(), held: message.len() - 1 }));
    assert_eq!(read_file(&[0]), Err(TagFileError::Short(1)));
}

const KEY: FileKey = FileKey::new([7; 16]);
const UID: Uid = Uid::new([4, 1, 2, 3, 4, 5, 6]);

#[test]
fn the_example_of_the_application_note_is_read() {
    // AN12196, tables 4 to 6: a tag with the keys it left the factory with, at its eighth reading.
    let octets = |text: &str| hex::decode(text).unwrap();
    let picc = octets("EF963FF7828658A599F3041510671E88");
    let mac = octets("94EED9EE65337086").try_into().unwrap();
    let key = FileKey::new([0; 16]);
    let read = verify(Mirrored::Hidden { picc: &picc, key: MetaKey::new([0; 16]) }, None, b"", mac, |_| Some(key)).unwrap();
    assert_eq!(read.tap().map(|(uid, counter)| (uid.to_string(), counter)), Ok(("04de5f1eacc040".to_owned(), 61)));

    let picc = octets("FD91EC264309878BE6345CBE53BADF40");
    let file = octets("CEE9A53E3E463EF1F459635736738962");
    let mac = octets("ECC1E7F6C6C73BF6").try_into().unwrap();
    let text = b"CEE9A53E3E463EF1F459635736738962&cmac=";
    let hidden = Mirrored::Hidden { picc: &picc, key: MetaKey::new([0; 16]) };
    let read = verify(hidden, Some(&file), text, mac, |_| Some(key)).unwrap();
    assert_eq!(read.tap().map(|(uid, counter)| (uid.to_string(), counter)), Ok(("04958caa5c5e80".to_owned(), 8)));
    assert_eq!(read.file_data.as_deref(), Some(&b"xxxxxxxxxxxxxxxx"[..]));
    assert_eq!(verify(hidden, Some(&file), b"CEE9A53E3E463EF1F459635736738962&c=", mac, |_| Some(key)), Err(SunError::WrongMac));
}

#[test]
fn a_message_is_of_one_tag_one_reading_one_text_and_one_key() {
    let mac = sign(&KEY, Some(UID), Some(9), b"text");
    let try_one =
        |uid, counter, text: &[u8], mac, key| verify(Mirrored::Plain { uid, counter }, None, text, mac, |_| key).map(|read| read.mac);
    assert_eq!(try_one(Some(UID), Some(9), b"text", mac, Some(KEY)), Ok(mac));
    let mut flipped = mac;
    flipped[7] ^= 1;
    for (uid, counter, text, mac, key) in [
        (None, Some(9), &b"text"[..], mac, Some(KEY)),
        (Some(UID), Some(8), b"text", mac, Some(KEY)),
        (Some(UID), None, b"text", mac, Some(KEY)),
        (Some(UID), Some(9), b"test", mac, Some(KEY)),
        (Some(UID), Some(9), b"text", flipped, Some(KEY)),
        (Some(UID), Some(9), b"text", mac, Some(FileKey::new([8; 16]))),
        (Some(UID), Some(9), b"text", mac, None),
    ] {
        assert_eq!(try_one(uid, counter, text, mac, key), Err(SunError::WrongMac));
    }
    assert_eq!(try_one(Some(UID), Some(1 << 24), b"", mac, Some(KEY)), Err(SunError::CounterRange(1 << 24)));
}

#[test]
fn a_tag_nobody_knows_is_refused_even_when_the_factory_key_signed() {
    let factory = FileKey::new([0; 16]);
    let mac = sign(&factory, Some(UID), Some(1), b"");
    let mirrored = Mirrored::Plain { uid: Some(UID), counter: Some(1) };
    assert!(verify(mirrored, None, b"", mac, |_| Some(factory)).is_ok());
    assert_eq!(verify(mirrored, None, b"", mac, |_| None), Err(SunError::WrongMac));
}

#[test]
fn a_message_that_nothing_ties_to_one_tag_and_reading_is_genuine_and_of_no_use() {
    for (uid, counter, unusable) in [(None, Some(3), Unusable::NoUid), (Some(UID), None, Unusable::NoCounter)] {
        let mac = sign(&KEY, uid, counter, b"");
        let read = verify(Mirrored::Plain { uid, counter }, None, b"", mac, |_| Some(KEY)).unwrap();
        assert_eq!(read.tap(), Err(unusable));
    }
}

#[test]
fn encrypted_parts_are_whole_blocks_and_need_a_counter() {
    let mirrored = |counter| Mirrored::Plain { uid: Some(UID), counter };
    let read = |counter, file: &[u8]| {
        verify(mirrored(counter), Some(file), b"", sign(&KEY, Some(UID), counter, b""), |_| Some(KEY))
            .map(|read| read.file_data.unwrap().len())
    };
    assert_eq!(read(Some(1), &[0; 64]), Ok(64));
    assert_eq!(read(Some(1), &[0; 15]), Err(SunError::EncLength(15)));
    assert_eq!(read(Some(1), &[]), Err(SunError::EncLength(0)));
    assert_eq!(read(Some(1), &[0; 144]), Err(SunError::EncLength(144)));
    assert_eq!(read(None, &[0; 16]), Err(SunError::EncWithoutCounter));
}

#[test]
fn the_seal_is_read_from_the_first_two_octets() {
    let sealed = |data: &[u8]| {
        let mac = sign(&KEY, Some(UID), Some(1), b"");
        let mut read = verify(Mirrored::Plain { uid: Some(UID), counter: Some(1) }, None, b"", mac, |_| Some(KEY)).unwrap();
        read.file_data = Some(data.to_vec());
        read.tamper()
    };
    assert_eq!(sealed(b"CC--"), Some(Tamper::Closed));
    assert_eq!([sealed(b"OC"), sealed(b"OO")], [Some(Tamper::Opened); 2]);
    assert_eq!([sealed(b"II"), sealed(b"xx"), sealed(b"C")], [Some(Tamper::NotSetUp), None, None]);
}

#[test]
fn hidden_number_and_counter_of_other_lengths_are_refused() {
    let read = |picc: &[u8]| verify(Mirrored::Hidden { picc, key: MetaKey::new([0; 16]) }, None, b"", [0; 8], |_| Some(KEY));
    assert_eq!(read(&[0; 24]), Err(SunError::UnsupportedMode));
    assert_eq!(read(&[0; 17]), Err(SunError::PiccLength(17)));
}

#[test]
fn a_master_of_zeros_is_for_the_factory_alone_and_no_key_is_printed() {
    assert_eq!(Master::new(&[0; 16]).unwrap_err(), KeyError::Factory);
    assert_eq!(Master::new(&[1; 15]).unwrap_err(), KeyError::MasterLength(15));
    assert_eq!(*Master::factory().file_key(UID, 2).reveal(), [0; 16]);
    let master = Master::new(&[0xAB; 16]).unwrap();
    assert_ne!(master.file_key(UID, 1), master.file_key(UID, 2));
    assert_eq!(format!("{master:?} {:?} {:?}", master.meta_key(), master.file_key(UID, 1)), "Master(…) MetaKey(…) FileKey(…)");
}

#[test]
fn a_screens_tag_says_where_it_writes() {
    let tag = ScreenTag::new("shop.example.com").unwrap();
    assert_eq!(tag.file[..2], [0, 68]);
    assert_eq!((tag.uid_offset, tag.counter_offset, tag.mac_offset), (28, 45, 54));
    for host in ["shop.example.com", "www.example.com", "a", "localhost:8080"] {
        let ScreenTag { url, mut file, uid_offset, counter_offset, mac_offset } = ScreenTag::new(host).unwrap();
        file[uid_offset..uid_offset + 14].copy_from_slice(b"04010203040506");
        file[counter_offset..counter_offset + 6].copy_from_slice(b"00002A");
        file[mac_offset..mac_offset + 16].copy_from_slice(b"0102030405060708");
        let records = strict(read_file(&file).unwrap()).unwrap();
        assert_eq!(records, [link(&format!("https://{host}/t?u=04010203040506&n=00002A&m=0102030405060708"))]);
        assert_eq!(url.len(), format!("https://{host}/t?u=04010203040506&n=00002A&m=0102030405060708").len());
    }
    let tap = ScreenTap::parse("04010203040506", "00002A", "0102030405060708").unwrap();
    assert_eq!(tap, ScreenTap { uid: UID, counter: 42, mac: [1, 2, 3, 4, 5, 6, 7, 8] });
    assert_eq!(ScreenTap::parse("04", "00002A", "0102030405060708"), Err(TemplateError::Digits("u")));
    assert_eq!(ScreenTag::new("a/b"), Err(TemplateError::Host));
    assert_eq!(ScreenTag::new(&"a".repeat(250)), Err(TemplateError::TooLong));
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let name = "[a-z]{1,8}";
    let content = prop_oneof![
        "[ -~äöü€]{0,300}".prop_map(|iri| Content::Uri { iri }),
        (any::<String>(), "[a-z]{1,63}", any::<bool>()).prop_map(|(text, language, wide)| Content::Text {
            // The mark of the byte order is no character of the text it begins.
            text: text.trim_start_matches('\u{feff}').to_owned(),
            language,
            encoding: if wide { Encoding::Utf16 } else { Encoding::Utf8 },
        }),
        (name, prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(kind, data)| Content::Other { record_type: RecordType::External(kind), data }),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(|data| Content::Other { record_type: RecordType::Unknown, data }),
        (
            "[!-~]{0,40}",
            prop::collection::btree_map("[a-z]{2}", "[ -~]{0,20}", 0..4),
            any::<Option<u32>>(),
            prop::option::of("[a-z]/[a-z]")
        )
            .prop_map(|(iri, titles, size, mime)| Content::SmartPoster(SmartPoster {
                iri,
                titles: titles.into_iter().map(|(language, text)| (language, Title { text, encoding: Encoding::Utf8 })).collect(),
                action: size.map(|_| Action::Save),
                size,
                mime,
                icons: [("image/png".to_owned(), vec![1, 2, 3])].into(),
            })),
    ];
    prop::collection::vec(("[a-zÀ-ÿ]{0,10}", content).prop_map(|(id, content)| Record { id, content }), 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(records in records()) {
        prop_assert_eq!(strict(&build(&records).unwrap()), Ok(records));
    }

    #[test]
    fn no_octets_make_the_reader_fall(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(records) = strict(&octets) {
            prop_assert!(records.len() <= RECORDS_MAX);
        }
        if let Ok(records) = read(&octets, Strictness::Relaxed) {
            prop_assert!(records.len() <= RECORDS_MAX);
        }
    }

    #[test]
    fn a_message_with_one_octet_changed_is_read_or_refused(records in records(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut message = build(&records).unwrap();
        // One octet more, so that there is one to change.
        message.push(0);
        let at = at.index(message.len());
        message[at] = octet;
        if let Ok(read) = strict(&message) {
            prop_assert!(read.len() <= RECORDS_MAX);
        }
    }

    #[test]
    fn no_hidden_block_makes_the_verifier_fall(picc in any::<[u8; 16]>(), file in prop::collection::vec(any::<u8>(), 0..40), mac in any::<[u8; 8]>()) {
        let read = verify(Mirrored::Hidden { picc: &picc, key: MetaKey::new([3; 16]) }, Some(&file), b"", mac, |_| Some(KEY));
        prop_assert!(read.is_err());
    }
}
