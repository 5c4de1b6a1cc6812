//! The certificate reader reads what an API server takes, also where strict readers stop.
//!
//! Each of these was given to Go's `x509.ParseCertificate`, which takes it, and to the crate
//! `x509-cert` 0.2, which refuses all but the first: a reader that stops there would not see that
//! the holder is in `system:masters`.

use super::der::Certificate;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const UTF8: u8 = 0x0c;
const UNIVERSAL: u8 = 0x1c;

/// One value of DER.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short value");
    let mut bytes = vec![tag];
    if length >= 0x80 {
        bytes.push(0x81);
    }
    bytes.push(length);
    bytes.extend_from_slice(content);
    bytes
}

/// Says one thing of the subject; the last byte of the name of an attribute tells which.
fn attribute(which: u8, tag: u8, text: &[u8]) -> Vec<u8> {
    let name = value(0x06, &[0x55, 0x04, which]);
    value(SEQUENCE, &[name, value(tag, text)].concat())
}

/// A certificate of version 1 up to its key; the reader looks no further.
fn certificate(serial: &[u8], dates: [&[u8]; 2], subject: &[u8]) -> Vec<u8> {
    let algorithm = value(SEQUENCE, &[]);
    let body = [
        value(INTEGER, serial),
        algorithm.clone(),
        value(SEQUENCE, &[]),
        value(SEQUENCE, &dates.map(|date| value(UTC_TIME, date)).concat()),
        value(SEQUENCE, subject),
        value(SEQUENCE, &algorithm),
    ];
    value(SEQUENCE, &value(SEQUENCE, &body.concat()))
}

const DATES: [&[u8]; 2] = [b"260101000000Z", b"360101000000Z"];

/// The subject of `system:masters`, as a set by itself.
fn masters() -> Vec<u8> {
    value(SET, &attribute(0x0a, UTF8, b"system:masters"))
}

#[test]
fn what_an_api_server_takes_is_read() {
    let twice = [
        attribute(0x0a, UTF8, b"system:masters"),
        attribute(0x0a, UTF8, b"system:masters"),
    ];
    let twice = value(SET, &twice.concat());
    let foreign = value(SET, &attribute(0x0a, UNIVERSAL, &[0, 0, 0, b'x']));
    let foreign = [masters(), foreign].concat();
    let cases: [(&str, Vec<u8>, bool); 7] = [
        ("plain", certificate(&[1], DATES, &masters()), true),
        (
            "an organization twice in one set",
            certificate(&[1], DATES, &twice),
            true,
        ),
        (
            "a text of another kind beside it",
            certificate(&[1], DATES, &foreign),
            true,
        ),
        (
            "a serial number of 25 bytes",
            certificate(&[1; 25], DATES, &masters()),
            true,
        ),
        (
            "a time before 1970",
            certificate(&[1], [b"600101000000Z", DATES[1]], &masters()),
            true,
        ),
        // What the dates say is not read then, and the rest is.
        (
            "a time without seconds",
            certificate(&[1], [b"2601010000Z", DATES[1]], &masters()),
            false,
        ),
        (
            "a time with an offset",
            certificate(&[1], [b"260101000000+0100", DATES[1]], &masters()),
            false,
        ),
    ];
    for (what, der, is_dated) in cases {
        let read = Certificate::read(&der).expect(what);
        assert_eq!(read.organizations()[0], "system:masters", "{what}");
        assert_eq!(read.validity().is_some(), is_dated, "{what}");
    }
}

#[test]
fn what_is_cut_short_is_not_read() {
    let whole = certificate(&[1], DATES, &masters());
    for end in 0..whole.len() {
        assert!(Certificate::read(&whole[..end]).is_none(), "{end} bytes");
    }
}
