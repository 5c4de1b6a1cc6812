//! The certificate authority of the sandbox, its server certificate, and its client certificates.

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock;
use crate::der;

/// One certificate authority: it signs the server certificate and every client certificate.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its private key, both PEM.
pub(crate) struct Issued {
    /// The certificate, one PEM block.
    pub(crate) certificate_pem: String,
    /// The private key, PKCS#8 in one PEM block.
    pub(crate) key_pem: String,
}

/// Who a client certificate speaks for.
pub(crate) struct CertifiedName {
    /// The common name of the subject.
    pub(crate) user: String,
    /// Every organization of the subject.
    pub(crate) groups: Vec<String>,
}

impl Authority {
    /// Creates an authority with a fresh key. Fails when the system has no randomness.
    pub(crate) fn new() -> anyhow::Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "sandbox-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        set_validity(&mut params)?;
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Authority { issuer })
    }

    /// The authority's own certificate, one PEM block.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Issues the certificate the server shows on loopback.
    pub(crate) fn server(
        &self,
    ) -> anyhow::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let mut params = CertificateParams::new(vec![
            "localhost".to_owned(),
            "kubernetes".to_owned(),
            "kubernetes.default".to_owned(),
            "kubernetes.default.svc".to_owned(),
        ])?;
        params
            .subject_alt_names
            .push(SanType::IpAddress([127, 0, 0, 1].into()));
        params
            .subject_alt_names
            .push(SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()));
        params
            .distinguished_name
            .push(DnType::CommonName, "sandbox-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((certificate.der().clone(), key))
    }

    /// Issues an X.509 v3 client certificate.
    pub(crate) fn client(&self, user: &str, group: &str) -> anyhow::Result<Issued> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        set_validity(&mut params)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Issues an X.509 v1 client certificate, as `openssl x509 -req` without extensions does.
    pub(crate) fn client_v1(&self, user: &str, group: &str) -> anyhow::Result<Issued> {
        let key = KeyPair::generate()?;
        let (_, own) = X509Certificate::from_der(self.issuer.der())?;
        let now = clock::now();
        let algorithm = der::sequence(&[der::object_identifier(der::ECDSA_WITH_SHA256)]);
        let to_be_signed = der::sequence(&[
            der::integer(&rand::random::<[u8; 8]>()),
            algorithm.clone(),
            own.subject().as_raw().to_vec(),
            der::sequence(&[
                der::utc_time(now - Duration::hours(1)),
                der::utc_time(now + Duration::days(3650)),
            ]),
            der::sequence(&[
                der::name_part(der::ORGANIZATION, group),
                der::name_part(der::COMMON_NAME, user),
            ]),
            key.subject_public_key_info(),
        ]);
        let random = SystemRandom::new();
        let signer = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            self.issuer.key().serialized_der(),
            &random,
        )
        .ok()
        .context("the authority's key is not a P-256 key")?;
        let signature = signer
            .sign(&random, &to_be_signed)
            .ok()
            .context("cannot sign a certificate")?;
        let certificate =
            der::sequence(&[to_be_signed, algorithm, der::bit_string(signature.as_ref())]);
        Ok(Issued {
            certificate_pem: der::pem("CERTIFICATE", &certificate),
            key_pem: key.serialize_pem(),
        })
    }

    /// Reads the name out of a client certificate of any version, if this authority signed it
    /// and it is valid now.
    pub(crate) fn recognize(&self, certificate: &[u8]) -> Option<CertifiedName> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let (_, own) = X509Certificate::from_der(self.issuer.der()).ok()?;
        if certificate.issuer().as_raw() != own.subject().as_raw()
            || !certificate.validity().is_valid()
        {
            return None;
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.issuer.key().public_key_raw())
            .verify(
                certificate.tbs_certificate.as_ref(),
                &certificate.signature_value.data,
            )
            .ok()?;
        let subject = certificate.subject();
        let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let groups = subject
            .iter_organization()
            .filter_map(|part| part.as_str().ok())
            .map(str::to_owned)
            .collect();
        Some(CertifiedName { user, groups })
    }
}

/// Makes a certificate valid from yesterday for ten years.
fn set_validity(params: &mut CertificateParams) -> anyhow::Result<()> {
    let now = clock::now();
    let (year, month, day) = date(now - Duration::days(1))?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now + Duration::days(3650))?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(())
}

fn date(time: DateTime<Utc>) -> anyhow::Result<(i32, u8, u8)> {
    Ok((
        time.year(),
        u8::try_from(time.month())?,
        u8::try_from(time.day())?,
    ))
}
