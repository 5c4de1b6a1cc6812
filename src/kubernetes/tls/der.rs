//! Reads just enough DER to find a certificate's subject, its dates and its key.
//!
//! By hand, and not with `x509-cert`, which stops where an API server does not: at an organization
//! that stands twice in one set, a serial number of more than 20 bytes, a time before 1970 or
//! without seconds (`tests/read.rs` has them). It reads all or nothing, and a certificate that
//! works would hide that its holder is in `system:masters`.
//!
//! No bytes make it panic or loop: every step takes from a shrinking slice, or ends in `None`.

/// Walks over consecutive DER values.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of the values.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Says whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next value with its tag.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.rest.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = if *first < 0x80 {
            usize::from(*first)
        } else {
            // Four bytes of length are more than any certificate needs.
            let count = usize::from(*first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (digits, tail) = rest.split_at_checked(count)?;
            rest = tail;
            digits
                .iter()
                .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit))
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((*tag, value))
    }

    /// Takes the next value if it has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, value) = ahead.any()?;
        if found != tag {
            return None;
        }
        *self = ahead;
        Some(value)
    }
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;

/// The parts of a certificate that are looked at.
pub(crate) struct Certificate<'a> {
    validity: &'a [u8],
    subject: &'a [u8],
    pub(super) signature_algorithm: &'a [u8],
    pub(super) public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Finds the parts.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let mut body = Reader::new(Reader::new(der).take(SEQUENCE)?);
        let mut body = Reader::new(body.take(SEQUENCE)?);
        // The version is absent in X.509 v1.
        let _version = body.take(0xa0);
        let _serial = body.take(0x02)?;
        let signature_algorithm = body.take(SEQUENCE)?;
        let _issuer = body.take(SEQUENCE)?;
        let validity = body.take(SEQUENCE)?;
        let subject = body.take(SEQUENCE)?;
        Some(Self {
            validity,
            subject,
            signature_algorithm,
            public_key: body.take(SEQUENCE)?,
        })
    }

    /// Lists the organizations of the subject, which Kubernetes takes for groups.
    pub(crate) fn organizations(&self) -> Vec<String> {
        self.named(&[0x55, 0x04, 0x0a])
    }

    /// The common name of the subject, which Kubernetes takes for the user.
    pub(crate) fn common_name(&self) -> Option<String> {
        self.named(&[0x55, 0x04, 0x03]).pop()
    }

    /// Lists what the subject says under an attribute.
    fn named(&self, attribute_type: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut names = Reader::new(self.subject);
        while let Some(set) = names.take(SET) {
            let mut attributes = Reader::new(set);
            while let Some(attribute) = attributes.take(SEQUENCE) {
                let mut attribute = Reader::new(attribute);
                if attribute.take(OID) == Some(attribute_type)
                    && let Some((_, value)) = attribute.any()
                {
                    found.push(String::from_utf8_lossy(value).into_owned());
                }
            }
        }
        found
    }

    /// Reads from when to when it is valid, in seconds since 1970.
    pub(crate) fn validity(&self) -> Option<(i64, i64)> {
        let mut dates = Reader::new(self.validity);
        let (first_tag, first) = dates.any()?;
        let (last_tag, last) = dates.any()?;
        Some((seconds(first_tag, first)?, seconds(last_tag, last)?))
    }
}

/// Reads `UTCTime` (`YYMMDDHHMMSSZ`) and `GeneralizedTime` (`YYYYMMDDHHMMSSZ`).
fn seconds(tag: u8, value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = match (tag, text.len()) {
        (0x17, 12) if text < "50" => format!("20{text}"),
        (0x17, 12) => format!("19{text}"),
        (0x18, 14) => text.to_owned(),
        _ => return None,
    };
    let time = chrono::NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%S").ok()?;
    Some(time.and_utc().timestamp())
}
