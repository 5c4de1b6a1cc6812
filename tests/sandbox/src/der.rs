//! Just enough DER to write an X.509 v1 certificate, which no certificate crate writes any more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

/// 1.2.840.10045.4.3.2
pub(crate) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// 2.5.4.3
pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.4.10
pub(crate) const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// A SEQUENCE of parts that are already DER.
pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// An OBJECT IDENTIFIER from its content bytes.
pub(crate) fn object_identifier(content: &[u8]) -> Vec<u8> {
    tagged(0x06, content)
}

/// A positive INTEGER from big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut content = vec![0];
    content.extend(bytes.iter().skip_while(|byte| **byte == 0));
    if content.get(1).is_some_and(|first| first & 0x80 == 0) {
        content.remove(0);
    }
    tagged(0x02, &content)
}

/// A BIT STRING of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], bytes].concat())
}

/// A `UTCTime`, which reaches until 2049.
pub(crate) fn utc_time(time: DateTime<Utc>) -> Vec<u8> {
    tagged(0x17, time.format("%y%m%d%H%M%SZ").to_string().as_bytes())
}

/// One part of a distinguished name: a SET of one attribute with a `UTF8String`.
pub(crate) fn name_part(kind: &[u8], value: &str) -> Vec<u8> {
    let attribute = sequence(&[object_identifier(kind), tagged(0x0c, value.as_bytes())]);
    tagged(0x31, &attribute)
}

/// A PEM block with lines of 64 characters.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut block = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        block.push_str(line);
        block.push('\n');
        rest = tail;
    }
    block.extend(["-----END ", label, "-----\n"]);
    block
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length.to_le_bytes()[0]);
    } else {
        let bytes: Vec<u8> = length
            .to_be_bytes()
            .into_iter()
            .skip_while(|b| *b == 0)
            .collect();
        out.push(0x80 | bytes.len().to_le_bytes()[0]);
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}
