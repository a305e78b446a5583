//! A client of the storage extension, written from its document: it proves who it is, stores records and asks.

use std::path::Path;

use binary_sv2::Seq064KOwned;
use common_messages_sv2::Protocol;
use key_utils::{Secp256k1PublicKey, Secp256k1SecretKey};
use secp256k1::hashes::{Hash, HashEngine, sha256};
use secp256k1::{Keypair, Secp256k1};

use crate::ensure;
use crate::extension::{
    Authenticate, AuthenticateSuccess, Message, Ping, PingSuccess, Request, STORAGE_EXTENSION,
    StorageError, StoreRecords, StoreStatus, StoreSuccess, Struct, VerdictEntry, check_frame,
};
use crate::messages::{request_extensions, setup_connection};
use crate::role::Role;
use crate::sri::{Frame, Peer, Trust};
use crate::tap::Outcome;

pub const WRITE: u32 = 1 << 0;
pub const READ: u32 = 1 << 1;

const TAG: &[u8] = b"sv2-storage/client-auth/v1";

/// What an unacknowledged record weighs beside its bytes, in a client's account of what is in flight.
pub const IN_FLIGHT_PER_RECORD: usize = 64;

#[derive(Clone, Copy)]
pub struct Key {
    secret: Secp256k1SecretKey,
    pub public: Secp256k1PublicKey,
}

impl Key {
    pub fn random() -> Self {
        Self::from_secret(Secp256k1SecretKey(secp256k1::SecretKey::new(
            &mut rand::thread_rng(),
        )))
    }

    pub fn from_secret(secret: Secp256k1SecretKey) -> Self {
        Self {
            secret,
            public: secret.into(),
        }
    }

    /// As keygen has written it.
    pub fn from_file(path: &Path) -> Outcome<Self> {
        Ok(Self::from_secret(
            std::fs::read_to_string(path)?.trim_end().parse()?,
        ))
    }

    /// The BIP340 signature of `digest`. Without `aux_rand` its randomness is fresh.
    pub fn sign(&self, digest: [u8; 32], aux_rand: Option<[u8; 32]>) -> [u8; 64] {
        let context = Secp256k1::new();
        let pair = Keypair::from_secret_key(&context, &self.secret.0);
        let message = secp256k1::Message::from_digest(digest);
        match aux_rand {
            Some(aux_rand) => context.sign_schnorr_with_aux_rand(&message, &pair, &aux_rand),
            None => context.sign_schnorr_with_rng(&message, &pair, &mut rand::thread_rng()),
        }
        .serialize()
    }
}

pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = sha256::HashEngine::default();
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// The Noise handshake hash, from the bytes on the wire.
pub fn handshake_hash(act_1: &[u8], act_2: &[u8]) -> [u8; 32] {
    let chaining_key = sha256(&[b"Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256"]);
    let parts = [act_1, &[], &act_2[..64], &act_2[64..144], &act_2[144..]];
    parts.iter().fold(sha256(&[&chaining_key]), |hash, part| {
        sha256(&[&hash, part])
    })
}

pub fn digest_to_sign(hash: &[u8; 32], authority: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    let tag = sha256(&[TAG]);
    sha256(&[&tag, &tag, hash, authority, payload])
}

/// Authenticate's fields up to its signature, with what most cases want to say.
#[derive(Clone, Copy)]
pub struct Claim {
    pub min_version: u16,
    pub max_version: u16,
    pub roles: u32,
    pub stream_id: u64,
    pub dataset_id: u64,
    pub generation: u32,
    pub last_acknowledged: u64,
}

impl Claim {
    fn new(roles: u32, stream_id: u64) -> Self {
        Self {
            min_version: 1,
            max_version: 1,
            roles,
            stream_id,
            dataset_id: 0,
            generation: 0,
            last_acknowledged: 0,
        }
    }

    pub fn write(stream_id: u64) -> Self {
        Self::new(WRITE, stream_id)
    }

    pub fn read() -> Self {
        Self::new(READ, 0)
    }

    pub fn both(stream_id: u64) -> Self {
        Self::new(WRITE | READ, stream_id)
    }

    /// The client remembers that `granted`'s store has acknowledged up to `last_acknowledged`.
    pub fn remembering(self, granted: &AuthenticateSuccess, last_acknowledged: u64) -> Self {
        Self {
            dataset_id: granted.dataset_id,
            generation: granted.generation,
            last_acknowledged,
            ..self
        }
    }

    /// Signed by `key` for the connection whose handshake hash is `hash`.
    pub fn signed(self, key: &Key, hash: &[u8; 32], authority: &[u8; 32]) -> Authenticate {
        let mut message = Authenticate {
            min_version: self.min_version,
            max_version: self.max_version,
            client_public_key: key.public.into_bytes().into(),
            roles: self.roles,
            stream_id: self.stream_id,
            dataset_id: self.dataset_id,
            generation: self.generation,
            last_acknowledged: self.last_acknowledged,
            signature: [0; 64].into(),
        };
        let payload = message.clone().write();
        let signed = &payload[..payload.len() - 64];
        let digest = digest_to_sign(hash, authority, signed);
        message.signature = key.sign(digest, None).into();
        message
    }
}

/// A connection on which Authenticate is what comes next.
pub struct Introduced {
    pub peer: Peer,
    authority: [u8; 32],
}

impl Introduced {
    pub fn to(role: &Role, protocol: Protocol) -> Outcome<Self> {
        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.send(setup_connection(protocol))?;
        peer.expect_setup_success()?;
        peer.send(request_extensions(1, &[STORAGE_EXTENSION]))?;
        peer.expect_extensions_success(1)?;
        Ok(Self {
            peer,
            authority: role.authority.into_bytes(),
        })
    }

    pub fn signed(&self, key: &Key, claim: Claim) -> Authenticate {
        let [act_1, act_2] = &self.peer.acts;
        claim.signed(key, &handshake_hash(act_1, act_2), &self.authority)
    }

    pub fn authenticate(mut self, key: &Key, claim: Claim) -> Outcome<Session> {
        self.peer.send_extension(self.signed(key, claim))?;
        self.granted()
    }

    /// The answer to Authenticate is its success.
    pub fn granted(mut self) -> Outcome<Session> {
        let granted = self.peer.expect::<AuthenticateSuccess>()?;
        Ok(Session {
            peer: self.peer,
            granted,
            acknowledged: 0,
            last_request: 0,
        })
    }

    pub fn refused(mut self, key: &Key, claim: Claim, code: &str) -> Outcome {
        self.peer.send_extension(self.signed(key, claim))?;
        self.peer.expect_refusal(code)
    }
}

/// The records that count nowhere, by number, with the reason.
pub type Verdicts = Vec<(u64, String)>;

/// A connection in phase open.
pub struct Session {
    pub peer: Peer,
    pub granted: AuthenticateSuccess,
    acknowledged: u64,
    last_request: u32,
}

impl Session {
    pub fn send_records(&mut self, first_sequence: u64, records: &[Vec<u8>]) -> Outcome {
        self.peer
            .send_extension(store_records(first_sequence, records)?)
    }

    /// Sends the records, and waits until all of them are acknowledged.
    pub fn store(&mut self, first_sequence: u64, records: &[Vec<u8>]) -> Outcome<Verdicts> {
        self.send_records(first_sequence, records)?;
        self.acknowledged_up_to(first_sequence + records.len() as u64 - 1)
    }

    /// Waits until the number is acknowledged, and none beyond it.
    pub fn acknowledged_up_to(&mut self, sequence: u64) -> Outcome<Verdicts> {
        let mut verdicts = Verdicts::new();
        while self.acknowledged < sequence {
            let success = self.peer.expect::<StoreSuccess>()?;
            verdicts.extend(self.take_acknowledgment(&success)?);
        }
        ensure!(
            self.acknowledged == sequence,
            "{} is acknowledged, and only {sequence} was sent",
            self.acknowledged
        );
        Ok(verdicts)
    }

    /// Takes note of a Store.Success, which must go beyond those before it, and tell of no record that it does not cover.
    pub fn take_acknowledgment(&mut self, success: &StoreSuccess) -> Outcome<Verdicts> {
        let before = self.acknowledged;
        self.acknowledged = success.durable_sequence;
        ensure!(
            self.acknowledged > before,
            "durable_sequence {} after {before}",
            self.acknowledged
        );
        let entries = success.verdicts.iter().map(|entry| {
            let entry = VerdictEntry::read(entry.as_bytes())?;
            ensure!(
                entry.sequence > before && entry.sequence <= self.acknowledged,
                "a verdict for {} in the acknowledgment of {before} to {}",
                entry.sequence,
                self.acknowledged
            );
            Ok((entry.sequence, entry.code.as_utf8_or_hex()))
        });
        entries.collect()
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub fn ping(&mut self, nonce: u64) -> Outcome {
        self.peer.send_extension(Ping { nonce })?;
        let answer = self.peer.expect::<PingSuccess>()?;
        ensure!(answer.nonce == nonce, "{answer:?} instead of {nonce}");
        Ok(())
    }

    /// Sends the request with a request_id of its own, which it returns.
    pub fn request<R: Request>(&mut self, mut request: R) -> Outcome<u32> {
        self.last_request += 1;
        *request.request_id() = self.last_request;
        self.peer.send_extension(request)?;
        Ok(self.last_request)
    }

    pub fn ask<R: Request>(&mut self, request: R) -> Outcome<R::Success> {
        let id = self.request(request)?;
        let answer = self.peer.expect::<R::Success>()?;
        ensure!(
            R::id_of(&answer) == id,
            "{} answers request {} instead of {id}",
            R::Success::NAME,
            R::id_of(&answer)
        );
        Ok(answer)
    }

    /// The request fails with `code`, and the session goes on.
    pub fn ask_in_vain<R: Request>(&mut self, request: R, code: &str) -> Outcome {
        let id = self.request(request)?;
        let error = self.peer.expect::<StorageError>()?;
        ensure!(
            error.request_id == id && error.code.as_bytes() == code.as_bytes(),
            "{error:?} instead of {code} for request {id}"
        );
        self.ping(u64::from(id))
    }

    /// The request ends the session with `code`.
    pub fn ask_and_end<R: Request>(mut self, request: R, code: &str) -> Outcome {
        self.request(request)?;
        self.peer.expect_refusal(code)
    }
}

pub fn store_records(first_sequence: u64, records: &[Vec<u8>]) -> Outcome<StoreRecords> {
    let records: Result<Vec<_>, _> = records
        .iter()
        .map(|record| record.clone().try_into())
        .collect();
    Ok(StoreRecords {
        first_sequence,
        records: Seq064KOwned::new(records?)?,
    })
}

impl Frame {
    /// Of the store's state: it may come at any moment, for a disk is slow now and then.
    pub fn is_report(&self) -> bool {
        self.header.ext_type() == STORAGE_EXTENSION && self.header.msg_type() == StoreStatus::TYPE
    }
}

impl Peer {
    /// The next frame is this message of our extension, to its last byte; but for reports.
    pub fn expect<M: Message>(&mut self) -> Outcome<M> {
        loop {
            let frame = self.receive_frame()?;
            if !frame.is_report() || M::TYPE == StoreStatus::TYPE {
                return self.parse(&frame);
            }
            self.parse::<StoreStatus>(&frame)?;
        }
    }

    pub fn parse<M: Message>(&self, frame: &Frame) -> Outcome<M> {
        check_frame(frame)?;
        if frame.header.msg_type() != M::TYPE {
            let error = StorageError::read(&frame.payload);
            return Err(match error {
                Ok(error) => format!(
                    "Error {{{}, {}, {}}} instead of {}",
                    error.request_id,
                    error.code.as_utf8_or_hex(),
                    error.detail.as_utf8_or_hex(),
                    M::NAME
                ),
                Err(_) => format!("{frame} instead of {}", M::NAME),
            }
            .into());
        }
        M::read(&frame.payload)
    }

    /// Error {0, code} is the last that is said, and then the connection is closed.
    pub fn expect_refusal(&mut self, code: &str) -> Outcome {
        self.expect_storage_error(code)?;
        self.expect_closed().map(|_| ())
    }
}
