//! A session in phase open: what may be said, by whom, and what ends it.

use common_messages_sv2::{Protocol, ReconnectOwned};
use parsers_sv2::{AnyMessageOwned, CommonMessagesOwned};

use crate::Programs;
use crate::cases::world::{
    BLOCKS_ONLY, DECLARATOR, POOL, SHARES_ONLY, World, batch, block, deletion, everywhere,
    expect_equal, expect_verdicts, job, report, share, solution, status, totals_of,
};
use crate::client::{Claim, store_records};
use crate::extension::{GetHealth, Message, PingSuccess, STORAGE_EXTENSION, StoreRecords, Struct};
use crate::messages::{HASHRATE_EXTENSION, mining_message, setup_connection, text};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new("Ping is answered with its nonce", ping),
        Case::new(
            "a record kind that the key does not permit is not-permitted, and nothing of the message is stored",
            kinds,
        ),
        Case::new(
            "an unknown kind, and a record of no bytes, may come from whoever may write",
            any_writer,
        ),
        Case::new(
            "StoreRecords without the write role is not-permitted",
            reader_writes,
        ),
        Case::new(
            "a request without the read role is not-permitted",
            writer_reads,
        ),
        Case::new(
            "a message that does not exist, or is the server's, is an unexpected-message",
            unexpected,
        ),
        Case::new(
            "a frame of an extension that the server does not know is an unsupported-extension",
            unsupported,
        ),
        Case::new(
            "core messages in a session are an unexpected-message",
            core_messages,
        ),
    ]
}

fn ping(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for claim in [Claim::write(7), Claim::read()] {
            let mut session = world.open(POOL, claim)?;
            for nonce in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
                session.ping(nonce)?;
            }
        }
        Ok(())
    })
}

fn with_kind(kind: u8) -> Vec<u8> {
    let mut record = share("c", 1).write();
    record[0] = kind;
    record
}

fn kinds(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let refused = |who: &str, record: Vec<u8>| {
            let mut session = world.open(who, Claim::write(7))?;
            session.send_records(1, &[vec![200], record])?;
            session.peer.expect_refusal("not-permitted")?;
            let again = world.open(who, Claim::write(7))?;
            expect_equal("durable_sequence", again.granted.durable_sequence, 0)
        };
        let of_shares = [
            share("c", 1).write(),
            report("c").write(),
            batch("c").write(),
            deletion("c").write(),
            with_kind(9),
        ];
        let of_blocks = [block("c", 1).write(), status(1, 1).write()];
        let of_jobs = [job(1).write(), solution(1).write()];
        let (shares, blocks, jobs) = (&of_shares[..], &of_blocks[..], &of_jobs[..]);
        for (who, not_permitted) in [
            (SHARES_ONLY, [blocks, jobs]),
            (BLOCKS_ONLY, [shares, jobs]),
            (DECLARATOR, [shares, blocks]),
        ] {
            for record in not_permitted.concat() {
                refused(who, record)?;
            }
        }

        for (who, permitted) in [
            (SHARES_ONLY, shares),
            (BLOCKS_ONLY, blocks),
            (DECLARATOR, jobs),
        ] {
            world.open(who, Claim::write(7))?.store(1, permitted)?;
        }
        Ok(())
    })
}

fn any_writer(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for who in [SHARES_ONLY, BLOCKS_ONLY, DECLARATOR] {
            let mut session = world.open(who, Claim::write(7))?;
            let records = [vec![], with_kind(0), with_kind(10), with_kind(255)];
            expect_verdicts(
                &session.store(1, &records)?,
                &[
                    (1, "invalid-record"),
                    (2, "unknown-kind"),
                    (3, "unknown-kind"),
                    (4, "unknown-kind"),
                ],
            )?;
        }
        Ok(())
    })
}

fn reader_writes(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for record in [share("c", 1).write(), vec![], vec![200]] {
            let mut session = world.open(POOL, Claim::read())?;
            session.send_records(1, &[record])?;
            session.peer.expect_refusal("not-permitted")?;
        }
        Ok(())
    })
}

fn writer_reads(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let session = world.open(POOL, Claim::write(7))?;
        session.ask_and_end(totals_of(""), "not-permitted")?;
        let session = world.open(POOL, Claim::write(7))?;
        session.ask_and_end(GetHealth { request_id: 0 }, "not-permitted")
    })
}

fn refused(world: &World, extension: u16, message: u8, payload: &[u8], code: &str) -> Outcome {
    let mut session = world.open(POOL, Claim::both(7))?;
    session.peer.send_raw(extension, message, payload)?;
    session.peer.expect_refusal(code)
}

fn unexpected(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let nonce = PingSuccess { nonce: 1 }.write();
        let servers = [
            0x80, 0x82, 0x84, 0x85, 0x87, 0x91, 0x93, 0x95, 0x97, 0x99, 0x9b, 0x9d, 0x9f, 0xa1,
            0xa3, 0xa5, 0xa7, 0xa9,
        ];
        let none = [0x00, 0x7f, 0x88, 0x8f, 0xaa, 0xff];
        for message in servers.into_iter().chain(none) {
            refused(
                world,
                STORAGE_EXTENSION,
                message,
                &nonce,
                "unexpected-message",
            )?;
        }
        Ok(())
    })
}

fn unsupported(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        // The message types are those of ours, or of anybody.
        let payload = store_records(1, &[share("c", 1).write()])?.write();
        for extension in [HASHRATE_EXTENSION, 0x4001, 0x7fff, 0x5355] {
            for message in [0x83, 0x01] {
                refused(world, extension, message, &payload, "unsupported-extension")?;
            }
        }
        let mut session = world.open(POOL, Claim::both(7))?;
        session
            .peer
            .send_raw(STORAGE_EXTENSION, StoreRecords::TYPE, &payload)?;
        session.acknowledged_up_to(1).map(|_| ())
    })
}

fn core_messages(programs: &Programs) -> Outcome {
    let reconnect = || {
        AnyMessageOwned::Common(CommonMessagesOwned::Reconnect(ReconnectOwned {
            new_host: text(""),
            new_port: 0,
        }))
    };
    everywhere(programs, |world| {
        for message in [
            setup_connection(Protocol::MiningProtocol).into(),
            mining_message(),
            reconnect(),
        ] {
            let mut session = world.open(POOL, Claim::both(7))?;
            session.peer.send(message)?;
            session.peer.expect_refusal("unexpected-message")?;
        }
        Ok(())
    })
}
