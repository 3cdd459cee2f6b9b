//! Our own certificate authority: one key that says who is who.
//!
//! Owns: what stands in certificates of nodes, instances and brokers, and in the list of revoked ones. Takes: signing requests, of
//! which only the key counts, identities, serial numbers and instants as arguments. Emits: PEM texts. On failure: a typed error.

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{AUTHORITY_VALID, BACKDATED, Fingerprint, Identity, PrivateKey, SERVER_VALID, SigningRequest, TlsError, VALID, bounded};

/// Random bytes of a serial number; the first bit is cleared, because serial numbers are positive.
pub const SERIAL_BYTES: usize = 16;
/// Common name of an authority of ours.
const AUTHORITY_NAME: &str = "aisle device authority";

/// A certificate that is no longer good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// The authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    fingerprint: Fingerprint,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority over `key`; returns its certificate as PEM.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn create(key: &PrivateKey, now: DateTime<Utc>, serial: [u8; SERIAL_BYTES]) -> Result<String, TlsError> {
        let failed = |source| TlsError::Make { what: "authority", source };
        let mut params = params(AUTHORITY_NAME, now, now + AUTHORITY_VALID, serial)?;
        // It signs certificates of ends only: whoever steals an end's key cannot make others.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params.self_signed(&key.0).map_err(failed)?.pem())
    }

    /// Reads an authority from its two files.
    ///
    /// # Errors
    /// When one does not parse.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TlsError> {
        let PrivateKey(key) = PrivateKey::from_pem(key)?;
        let der = CertificateDer::from_pem_slice(bounded(certificate)?.as_bytes())
            .map_err(|error| TlsError::unreadable("authority's certificate", error))?;
        let fingerprint = Sha256::digest(&der).into();
        let issuer = Issuer::from_ca_cert_pem(certificate, key).map_err(|error| TlsError::unreadable("authority's certificate", error))?;
        Ok(Self { issuer, certificate: certificate.to_owned(), fingerprint })
    }

    /// Its certificate as PEM: what ends trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// SHA-256 of its certificate; stands in claims, so that a box knows whom to trust before it has talked to anybody.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A certificate for a node or an instance, as PEM: good for signing in, not for serving.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn certify(
        &self,
        identity: &Identity,
        request: &SigningRequest,
        now: DateTime<Utc>,
        serial: [u8; SERIAL_BYTES],
    ) -> Result<String, TlsError> {
        let failed = |source| TlsError::Make { what: "certificate", source };
        let mut params = params(identity.name().as_str(), now, now + VALID, serial)?;
        params.subject_alt_names = vec![SanType::URI(identity.uri().try_into().map_err(failed)?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&request.public_key, &self.issuer).map_err(failed)?.pem())
    }

    /// A certificate for a broker under host names and addresses, as PEM: good for serving, not for signing in.
    ///
    /// # Errors
    /// When a host is neither a name nor an address, or it cannot be signed.
    pub fn certify_server(
        &self,
        hosts: &[String],
        request: &SigningRequest,
        now: DateTime<Utc>,
        serial: [u8; SERIAL_BYTES],
    ) -> Result<String, TlsError> {
        let failed = |source| TlsError::Make { what: "certificate", source };
        let mut params = params("aisle broker", now, now + SERVER_VALID, serial)?;
        params.subject_alt_names = hosts
            .iter()
            .map(|host| match host.parse() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => host.clone().try_into().map(SanType::DnsName),
            })
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&request.public_key, &self.issuer).map_err(failed)?.pem())
    }

    /// The list of revoked certificates, as PEM, for brokers that read one. It does not run out before the authority does: a list that
    /// nobody renewed would shut out every store.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn revocation_list(&self, revoked: &[Revoked], number: u64, now: DateTime<Utc>) -> Result<String, TlsError> {
        let failed = |source| TlsError::Make { what: "revocation list", source };
        let mut entries = Vec::with_capacity(revoked.len());
        for Revoked { serial, at } in revoked {
            entries.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: instant(*at)?,
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            });
        }
        let list = CertificateRevocationListParams {
            this_update: instant(now - BACKDATED)?,
            next_update: instant(now + AUTHORITY_VALID)?,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: entries,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).map_err(failed)?.pem().map_err(failed)
    }
}

fn params(name: &str, now: DateTime<Utc>, not_after: DateTime<Utc>, mut serial: [u8; SERIAL_BYTES]) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|source| TlsError::Make { what: "certificate", source })?;
    let [first, ..] = &mut serial;
    *first = (*first & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = instant(now - BACKDATED)?;
    params.not_after = instant(not_after)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// X.509 counts whole seconds.
fn instant(at: DateTime<Utc>) -> Result<OffsetDateTime, TlsError> {
    OffsetDateTime::from_unix_timestamp(at.timestamp()).map_err(|error| TlsError::unreadable("instant", error))
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::{InstanceId, NodeId};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::tls::Certificate;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_511_520, 0).unwrap()
    }

    fn authority() -> Authority {
        let key = PrivateKey::generate().unwrap();
        let certificate = Authority::create(&key, now(), [1; SERIAL_BYTES]).unwrap();
        Authority::from_pem(&certificate, key.to_pem().expose_secret()).unwrap()
    }

    #[test]
    fn as_105_a_nodes_certificate_names_it_twice_and_lasts_90_days() {
        let node = Identity::Node(NodeId::parse("acme.s042.n1").unwrap());
        let key = PrivateKey::generate().unwrap();
        let request = SigningRequest::from_pem(&key.request(&node).unwrap()).unwrap();
        let pem = authority().certify(&node, &request, now(), [2; SERIAL_BYTES]).unwrap();
        let certificate = Certificate::from_pem(&pem).unwrap();
        assert_eq!(certificate.identity, node);
        assert_eq!(certificate.validity.not_after, now() + VALID);
        assert_eq!(certificate.key_hash(), request.key_hash());
        assert_eq!(certificate.serial.len(), SERIAL_BYTES);
        let message = b"a renewal";
        assert!(certificate.verifies(message, &key.sign(message).unwrap()));
        assert!(!certificate.verifies(b"another", &key.sign(message).unwrap()));
        assert!(!certificate.verifies(message, &PrivateKey::generate().unwrap().sign(message).unwrap()));
    }

    #[test]
    fn as_105_the_name_in_a_request_gives_no_name_in_the_certificate() {
        let own = Identity::Node(NodeId::parse("acme.s042.n1").unwrap());
        let wished = Identity::Cloud(InstanceId::parse("eu1-a").unwrap());
        let request = PrivateKey::generate().unwrap().request(&wished).unwrap();
        let pem = authority().certify(&own, &SigningRequest::from_pem(&request).unwrap(), now(), [2; SERIAL_BYTES]).unwrap();
        assert_eq!(Certificate::from_pem(&pem).unwrap().identity, own);
    }

    #[test]
    fn a_request_whose_signature_is_not_of_its_key_is_refused() {
        let node = Identity::Node(NodeId::parse("acme.s042.n1").unwrap());
        let request = PrivateKey::generate().unwrap().request(&node).unwrap();
        // One letter within the signature, which stands at the end.
        let lines: Vec<&str> = request.lines().collect();
        let (end, body) = lines.split_last().unwrap();
        let (last, before) = body.split_last().unwrap();
        let swapped: String = last.chars().map(|letter| if letter == 'A' { 'B' } else { 'A' }).collect();
        let forged = [before.join("\n"), swapped, (*end).to_owned()].join("\n");
        assert!(SigningRequest::from_pem(&forged).is_err());
        assert!(SigningRequest::from_pem("no request").is_err());
        assert!(matches!(SigningRequest::from_pem(&"x".repeat(100_000)), Err(TlsError::TooLong { .. })));
    }

    #[test]
    fn a_brokers_certificate_is_nobodys_identity() {
        let any = Identity::Node(NodeId::parse("acme.s042.n1").unwrap());
        let request = SigningRequest::from_pem(&PrivateKey::generate().unwrap().request(&any).unwrap()).unwrap();
        let hosts = ["broker.example".to_owned(), "127.0.0.1".to_owned()];
        let pem = authority().certify_server(&hosts, &request, now(), [3; SERIAL_BYTES]).unwrap();
        assert!(matches!(Certificate::from_pem(&pem), Err(TlsError::Names { .. })));
    }
}
