//! Authenticate: who is let in, to what, and all the ways of not being let in.

use std::fs;
use std::path::Path;

use common_messages_sv2::Protocol;

use crate::Programs;
use crate::cases::world::{
    AUDITOR, DECLARATOR, PARTNER, POOL, SHARES_ONLY, World, everywhere, expect_equal, share,
};
use crate::client::{Claim, Introduced, Key, READ, WRITE, handshake_hash, sha256, store_records};
use crate::ensure;
use crate::extension::{
    Authenticate, GetHealth, MAX_FRAME, MAX_RECORD, Message, Ping, STORAGE_EXTENSION, Struct,
};
use crate::role::{Role, Settings, keygen};
use crate::sri::Ending;
use crate::tap::{Case, Outcome};

/// The largest payload before Authenticate.Success.
const LIMIT: usize = 2048;

const SHARE_WRITE: u32 = 1 << 0;
const BLOCK_WRITE: u32 = 1 << 1;
const JOB_WRITE: u32 = 1 << 2;
const QUERY_OWN: u32 = 1 << 3;
const QUERY_ALL: u32 = 1 << 4;

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "Authenticate.Success tells the data set, the limits and the durability class",
            success,
        ),
        Case::new(
            "the permissions granted are those that the key allows and the roles ask for",
            permissions,
        ),
        Case::new(
            "a client with a key of keygen's is let in by clients.toml",
            keygen_key,
        ),
        Case::new(
            "without clients.toml any key is let in from the role's own machine",
            any_key,
        ),
        Case::new("an unknown key is unauthorized", unknown_key),
        Case::new(
            "a signature that is not the key's over this payload, authority and tag is unauthorized",
            bad_signature,
        ),
        Case::new(
            "Authenticate of another session of the same client is unauthorized",
            replay,
        ),
        Case::new(
            "versions of the extension that include 1 settle on it, others are a protocol-version-mismatch",
            versions,
        ),
        Case::new(
            "a stream_id of 0 with the write role, or another without it, is a malformed-message",
            stream_id,
        ),
        Case::new(
            "no role, or one that the key has no permission of, is not-permitted",
            roles,
        ),
        Case::new("unknown bits of roles are ignored", unknown_roles),
        Case::new("Authenticate cut short is a malformed-message", cut_short),
        Case::new("bytes after Authenticate's signature are ignored", trailing),
        Case::new("a second Authenticate is an unexpected-message", second),
        Case::new(
            "anything before Authenticate is an unexpected-message",
            too_early,
        ),
        Case::new(
            "a frame over 2 KiB instead of Authenticate is frame-too-large from its header alone",
            too_large,
        ),
        Case::new(
            "a client that does not authenticate itself is closed without a word",
            silent,
        ),
    ]
}

fn success(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let granted = world.open(POOL, Claim::both(7))?.granted;
        expect_equal("version", granted.version, 1)?;
        expect_equal("durability", granted.durability, world.backend.durability())?;
        expect_equal("durable_sequence", granted.durable_sequence, 0)?;
        expect_equal("max_frame", granted.max_frame, MAX_FRAME)?;
        expect_equal("max_record", granted.max_record, MAX_RECORD)?;
        ensure!(granted.dataset_id != 0, "the dataset_id is 0");
        ensure!(granted.max_in_flight > 0, "max_in_flight is 0");

        let again = world.open(PARTNER, Claim::read())?.granted;
        expect_equal("dataset_id", again.dataset_id, granted.dataset_id)?;
        expect_equal("generation", again.generation, granted.generation)?;
        expect_equal("max_in_flight without a stream", again.max_in_flight, 0)?;
        expect_equal(
            "durable_sequence without a stream",
            again.durable_sequence,
            0,
        )
    })
}

fn permissions(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let writes = SHARE_WRITE | BLOCK_WRITE | JOB_WRITE;
        for (who, claim, wanted) in [
            (POOL, Claim::both(7), writes | QUERY_OWN),
            (POOL, Claim::write(7), writes),
            (POOL, Claim::read(), QUERY_OWN),
            (SHARES_ONLY, Claim::write(7), SHARE_WRITE),
            (DECLARATOR, Claim::both(7), JOB_WRITE | QUERY_OWN),
            (AUDITOR, Claim::read(), QUERY_ALL),
        ] {
            let granted = world.open(who, claim)?.granted;
            expect_equal(who, granted.permissions, wanted)?;
        }
        Ok(())
    })
}

fn keygen_key(programs: &Programs) -> Outcome {
    let prepare = |folder: &Path| {
        let public = keygen(&programs.role, "client", folder)?;
        let clients = folder.join("clients.toml");
        let allow = "identity = \"pool-1\"\nallow = [\"share.write\", \"query.own\"]";
        fs::write(
            &clients,
            format!("[[client]]\n{allow}\npublic_key = \"{public}\"\n"),
        )?;
        Ok(Settings {
            arguments: vec!["--clients".into(), clients.into()],
            database_url: None,
        })
    };
    Role::serve_with(&programs.role, prepare, |role| {
        let key = Key::from_file(&role.folder().join("client.secret"))?;
        let introduced = Introduced::to(role, Protocol::MiningProtocol)?;
        let mut session = introduced.authenticate(&key, Claim::both(7))?;
        session.store(1, &[share("c", 1).write()])?;
        expect_equal("shares", session.totals()?.shares_accepted, 1)
    })
}

fn any_key(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let introduced = Introduced::to(role, Protocol::MiningProtocol)?;
        let mut session = introduced.authenticate(&Key::random(), Claim::both(7))?;
        session.store(1, &[share("c", 1).write()]).map(|_| ())
    })
}

fn unknown_key(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let introduced = world.introduced()?;
        introduced.refused(&Key::random(), Claim::both(7), "unauthorized")
    })
}

fn bad_signature(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let key = world.keys[POOL];
        let unauthorized = |spoil: &dyn Fn(&Introduced, Authenticate) -> Authenticate| {
            let mut introduced = world.introduced()?;
            let message = spoil(&introduced, introduced.signed(&key, Claim::both(7)));
            introduced.peer.send_extension(message)?;
            introduced.peer.expect_refusal("unauthorized")
        };

        unauthorized(&|_, mut message| {
            message.signature.as_mut_bytes()[63] ^= 1;
            message
        })?;
        unauthorized(&|_, message| Authenticate {
            signature: [0; 64].into(),
            ..message
        })?;
        // Each field was another one when it was signed.
        unauthorized(&|_, message| Authenticate {
            max_version: 2,
            ..message
        })?;
        unauthorized(&|_, message| Authenticate {
            roles: READ,
            stream_id: 0,
            ..message
        })?;
        unauthorized(&|_, message| Authenticate {
            stream_id: 8,
            ..message
        })?;
        unauthorized(&|_, message| Authenticate {
            last_acknowledged: 1,
            ..message
        })?;
        // The key of another client, the signature of this one.
        unauthorized(&|_, message| Authenticate {
            client_public_key: world.keys[PARTNER].public.into_bytes().into(),
            ..message
        })?;
        // Meant for another authority's server.
        unauthorized(&|introduced, _| {
            let [act_1, act_2] = &introduced.peer.acts;
            let hash = handshake_hash(act_1, act_2);
            Claim::both(7).signed(&key, &hash, &Key::random().public.into_bytes())
        })?;
        // Without the tag.
        unauthorized(&|introduced, message| {
            let [act_1, act_2] = &introduced.peer.acts;
            let hash = handshake_hash(act_1, act_2);
            let authority = world.role.authority.into_bytes();
            let payload = message.clone().write();
            let signed = &payload[..payload.len() - 64];
            let plain = sha256(&[&hash, &authority, signed]);
            Authenticate {
                signature: key.sign(plain, None).into(),
                ..message
            }
        })
    })
}

fn replay(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let key = world.keys[POOL];
        let first = world.introduced()?;
        let message = first.signed(&key, Claim::both(7));
        let mut second = world.introduced()?;
        second.peer.send_extension(message.clone())?;
        second.peer.expect_refusal("unauthorized")?;

        // In its own session it is good.
        let mut first = first;
        first.peer.send_extension(message)?;
        first.granted().map(|_| ())
    })
}

fn versions(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let claim = |min_version, max_version| Claim {
            min_version,
            max_version,
            ..Claim::both(7)
        };
        for (min_version, max_version) in [(0, 0), (2, 2), (2, u16::MAX), (2, 0)] {
            let claim = claim(min_version, max_version);
            world.refused(POOL, claim, "protocol-version-mismatch")?;
        }
        for (min_version, max_version) in [(0, 1), (1, 2), (0, u16::MAX)] {
            let session = world.open(POOL, claim(min_version, max_version))?;
            expect_equal("version", session.granted.version, 1)?;
        }
        Ok(())
    })
}

fn stream_id(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for (roles, stream_id) in [(WRITE, 0), (WRITE | READ, 0), (READ, 7), (0, 7)] {
            let claim = Claim {
                roles,
                stream_id,
                ..Claim::read()
            };
            world.refused(POOL, claim, "malformed-message")?;
        }
        Ok(())
    })
}

fn roles(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let none = Claim {
            roles: 0,
            ..Claim::read()
        };
        let unknown_alone = Claim {
            roles: 1 << 2,
            ..Claim::read()
        };
        for (who, claim) in [
            (POOL, none),
            (POOL, unknown_alone),
            (AUDITOR, Claim::write(7)),
            (AUDITOR, Claim::both(7)),
            (SHARES_ONLY, Claim::read()),
            (SHARES_ONLY, Claim::both(7)),
        ] {
            world.refused(who, claim, "not-permitted")?;
        }
        Ok(())
    })
}

fn unknown_roles(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let claim = Claim {
            roles: !READ,
            ..Claim::write(7)
        };
        let granted = world.open(POOL, claim)?.granted;
        let writes = SHARE_WRITE | BLOCK_WRITE | JOB_WRITE;
        expect_equal("permissions", granted.permissions, writes)
    })
}

fn cut_short(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let whole = 132;
        for length in [0, 1, 67, 68, whole - 1] {
            let mut introduced = world.introduced()?;
            let payload = introduced.signed(&world.keys[POOL], Claim::both(7)).write();
            expect_equal("Authenticate's length", payload.len(), whole)?;
            introduced
                .peer
                .send_raw(STORAGE_EXTENSION, Authenticate::TYPE, &payload[..length])?;
            introduced.peer.expect_refusal("malformed-message")?;
        }
        Ok(())
    })
}

fn trailing(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut introduced = world.introduced()?;
        let mut payload = introduced.signed(&world.keys[POOL], Claim::both(7)).write();
        // A TLV field of extension 0x0002, and what is no TLV field.
        payload.extend(b"\x02\x00\x01\x0a\x00Worker_001\xff");
        introduced
            .peer
            .send_raw(STORAGE_EXTENSION, Authenticate::TYPE, &payload)?;
        introduced.granted().map(|_| ())
    })
}

fn second(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let introduced = world.introduced()?;
        let message = introduced.signed(&world.keys[POOL], Claim::both(7));
        let mut session = introduced.authenticate(&world.keys[POOL], Claim::both(7))?;
        session.peer.send_extension(message)?;
        session.peer.expect_refusal("unexpected-message")
    })
}

fn too_early(programs: &Programs) -> Outcome {
    fn refused<M: Message>(world: &World, message: M) -> Outcome {
        let mut introduced = world.introduced()?;
        introduced.peer.send_extension(message)?;
        introduced.peer.expect_refusal("unexpected-message")
    }
    everywhere(programs, |world| {
        refused(world, Ping { nonce: 1 })?;
        refused(world, GetHealth { request_id: 1 })?;
        refused(world, store_records(1, &[share("c", 1).write()])?)
    })
}

fn too_large(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut introduced = world.introduced()?;
        let mut frame = STORAGE_EXTENSION.to_le_bytes().to_vec();
        frame.push(Authenticate::TYPE);
        frame.extend(&u32::try_from(LIMIT + 1)?.to_le_bytes()[..3]);
        frame.extend([0; LIMIT + 1]);
        let bytes = introduced.peer.encrypt_raw(frame)?;
        let header = &bytes[..codec_sv2::ENCRYPTED_SV2_FRAME_HEADER_SIZE];
        introduced.peer.send_bytes(header)?;
        introduced.peer.expect_refusal("frame-too-large")
    })
}

fn silent(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let mut waiting = [Protocol::MiningProtocol, Protocol::JobDeclarationProtocol]
            .map(|protocol| Introduced::to(role, protocol));
        for introduced in &mut waiting {
            let peer = &mut introduced.as_mut().map_err(|error| error.0.clone())?.peer;
            expect_equal("the end", peer.expect_closed()?, Ending::Eof)?;
        }
        Ok(())
    })
}
