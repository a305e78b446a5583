//! Noise NX with SRI as initiator, up to the first encrypted frame.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use key_utils::{Secp256k1PublicKey, Secp256k1SecretKey};

use crate::Programs;
use crate::ensure;
use crate::role::{Role, keygen};
use crate::scratch::Scratch;
use crate::sri::{Authority, Peer, Trust};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new("SRI reads the authority key pair that keygen makes", keys),
        Case::new(
            "SRI completes the handshake with the pinned authority key",
            pinned,
        ),
        Case::new(
            "SRI completes the handshake without any authority key",
            unpinned,
        ),
        Case::new(
            "SRI refuses the certificate when it expects another authority key",
            wrong_key,
        ),
        Case::new("act 1 may arrive in pieces", act_1_in_pieces),
    ]
}

fn keys(programs: &Programs) -> Outcome {
    let folder = Scratch::new()?;
    let printed = keygen(&programs.role, "authority", folder.path())?;
    let public_text = fs::read_to_string(folder.path().join("authority.public"))?;
    let secret_text = fs::read_to_string(folder.path().join("authority.secret"))?;
    ensure!(
        public_text.trim_end() == printed,
        "authority.public is not what keygen printed"
    );

    let public: Secp256k1PublicKey = printed.parse()?;
    let secret: Secp256k1SecretKey = secret_text.trim_end().parse()?;
    ensure!(
        public.to_string() == printed,
        "SRI writes the public key as {public}"
    );
    let derived = Secp256k1PublicKey::from(secret);
    ensure!(
        derived.into_bytes() == public.into_bytes(),
        "the secret belongs to the public key {derived}"
    );
    Ok(())
}

fn pinned(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        Peer::connect(role.address, Trust::Authority(role.authority))?.set_up()
    })
}

fn unpinned(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        Peer::connect(role.address, Trust::Anyone)?.set_up()
    })
}

fn wrong_key(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let trust = Trust::Authority(Authority::random().public);
        match Peer::try_connect(role.address, trust, Write::write_all)? {
            Err(codec_sv2::Error::NoiseSv2Error(noise_sv2::Error::InvalidCertificate(_))) => Ok(()),
            Err(other) => Err(format!("SRI refuses for another reason: {other}").into()),
            Ok(_) => Err("SRI accepts a certificate that somebody else signed".into()),
        }
    })
}

fn act_1_in_pieces(programs: &Programs) -> Outcome {
    let in_pieces = |stream: &mut TcpStream, act_1: &[u8]| {
        for piece in [&act_1[..1], &act_1[1..32], &act_1[32..63], &act_1[63..]] {
            stream.write_all(piece)?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    Role::serve(&programs.role, |role| {
        Peer::try_connect(role.address, Trust::Authority(role.authority), in_pieces)??.set_up()
    })
}
