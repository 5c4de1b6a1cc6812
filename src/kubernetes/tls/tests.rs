//! The certificate reader, and material that makes no connection.

use super::*;

#[test]
fn the_dates_of_a_certificate_are_read() {
    let pem = include_str!("tests/v1-client.crt");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a fixture");
    let certificate = der::Certificate::read(&der).expect("a fixture");
    assert_eq!(certificate.validity(), Some((1_795_342_313, 4_948_942_313)));
}

#[test]
fn values_that_claim_more_than_there_is_are_no_values() {
    for bytes in [
        &[][..],
        &[0x30],
        &[0x30, 0x01],
        &[0x30, 0x80],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
        &[0x30, 0xff],
    ] {
        assert!(der::Reader::new(bytes).any().is_none(), "{bytes:?}");
    }
}

#[test]
fn an_authority_that_holds_nothing_is_refused() {
    for pem in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    ] {
        let outcome = config("https://c.example", Some(pem), None);
        assert!(
            matches!(outcome, Err(SetupError::Authority { .. })),
            "{pem}"
        );
    }
}

#[test]
fn a_client_key_of_an_unknown_kind_is_refused_by_name() {
    let key = SecretString::from("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    let made = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).expect("rcgen");
    let pem = made.cert.pem();
    let outcome = config("https://c.example", Some(&pem), Some((&pem, &key)));
    match outcome {
        Err(error @ SetupError::ClientCertificate { .. }) => {
            assert!(
                error
                    .to_string()
                    .contains("of a kind that is not supported"),
                "{error}"
            );
        }
        other => panic!("{:?}", other.map(drop)),
    }
}
