//! `linnet keys`: certificates for tests and measurements, by an authority that exists for them alone.

use crate::cli::KeysArgs;
use crate::error::Error;
use crate::print::print;
use netem::SERVER_NAME;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use time::OffsetDateTime;

/// Makes the authority, whose key is not kept, and both parties' certificates and keys.
pub(crate) fn keys(args: &KeysArgs) -> Result<(), Error> {
    if args.out.exists() {
        return Err(Error::Option {
            option: "--out",
            expected: "a folder that is not there yet; keys are never replaced".into(),
            found: args.out.display().to_string(),
        });
    }
    if args.days == 0 {
        let expected = "at least 1".to_owned();
        return Err(Error::Option { option: "--days", expected, found: "0".into() });
    }
    let made = make(args.days).map_err(|error| Error::Party { party: "keys", what: error.to_string() })?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.out)
        .map_err(Error::io(format!("making {}", args.out.display())))?;
    for (name, text) in made {
        write(&args.out.join(name), &text)?;
    }
    print(&format!(
        "{}: valid for {} days\nserver: ca.pem, server.pem, server.key   client: ca.pem, client.pem, client.key",
        args.out.display(),
        args.days
    ))
}

/// File names and their content.
fn make(days: u32) -> Result<Vec<(&'static str, String)>, rcgen::Error> {
    let authority = CertifiedIssuer::self_signed(authority(days)?, KeyPair::generate()?)?;
    let mut files = vec![("ca.pem", authority.pem())];
    let parties = [
        ("server.pem", "server.key", SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth),
        ("client.pem", "client.key", "linnet-client", ExtendedKeyUsagePurpose::ClientAuth),
    ];
    for (certificate, key, name, usage) in parties {
        let pair = KeyPair::generate()?;
        let mut params = valid(CertificateParams::new(vec![name.to_owned()])?, days);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        files.push((certificate, params.signed_by(&pair, &authority)?.pem()));
        files.push((key, pair.serialize_pem()));
    }
    Ok(files)
}

fn authority(days: u32) -> Result<CertificateParams, rcgen::Error> {
    let mut params = valid(CertificateParams::new(Vec::new())?, days);
    params.distinguished_name.push(DnType::CommonName, "Linnet test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// From an hour ago, for clocks that differ a little.
fn valid(mut params: CertificateParams, days: u32) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::HOUR;
    params.not_after = now + time::Duration::days(i64::from(days));
    params
}

/// Writes a file for this user alone.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(Error::io(format!("writing {}", path.display())))
}
