//! What goes wrong with a request, and what that means for its session.

use binary_sv2::B0255Owned;

use crate::Programs;
use crate::cases::ask::{
    OF_CHANNEL, OF_USER, all_records, get_accounting, get_blocks, get_channel_stats, get_hours,
    get_records, get_shares, is_share_seen, list_channels, list_drift, list_streams, list_users,
    pages, sequences, timed_shares,
};
use crate::cases::world::{
    AUDITOR, HOUR, PARTNER, POOL, STRANGER, World, block, bound, everywhere, expect_equal, hash_of,
    nothing, now, report, share, shares, string, totals_of,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{
    GetBlocks, GetHealth, GetHours, GetRecords, GetRecordsSuccess, GetTotals, GetTotalsSuccess,
    IsShareSeen, List, Message, STORAGE_EXTENSION, StorageError, Struct, Totals,
};
use crate::messages::text;
use crate::tap::{Case, Failure, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "a range that ends before it begins, no channel_id or subject and 1,001 hashes are an invalid-request, and the session goes on",
            invalid_request,
        ),
        Case::new(
            "a cursor that the server did not make is an invalid-cursor, and the session goes on",
            invalid_cursor,
        ),
        Case::new(
            "a cursor of another list is an invalid-cursor, and the session goes on",
            other_lists_cursor,
        ),
        Case::new(
            "a limit of 0 gives what fits a page, and so does one of 2^32 - 1",
            limits,
        ),
        Case::new(
            "channels and users that nobody has written of have empty lists",
            unknown_names,
        ),
        Case::new(
            "a cursor means the same in another session, and with another data set nothing",
            cursor_later,
        ),
        Case::new(
            "requests in flight are each answered once, with busy where too many wait",
            many,
        ),
        Case::new(
            "a request_id of 0 ends the session with invalid-request",
            no_request_id,
        ),
        Case::new(
            "a request cut short is a malformed-message, bytes behind one are ignored",
            lengths,
        ),
        Case::new(
            "another pool's records are for query.all alone, and an unknown pool has none",
            other_pools,
        ),
    ]
}

fn invalid_request(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", [1]))?;
        let code = "invalid-request";
        let (start, end) = (bound(Some(2)), bound(Some(1)));
        session.ask_in_vain(
            GetRecords {
                start: start.clone(),
                end: end.clone(),
                ..get_shares("c", 2)
            },
            code,
        )?;
        session.ask_in_vain(get_channel_stats("c", Some(2), Some(1)), code)?;
        session.ask_in_vain(
            GetTotals {
                start: start.clone(),
                end: end.clone(),
                ..totals_of("")
            },
            code,
        )?;
        session.ask_in_vain(
            GetBlocks {
                start: start.clone(),
                end: end.clone(),
                ..get_blocks("", 2)
            },
            code,
        )?;
        session.ask_in_vain(
            GetHours {
                start,
                end,
                ..get_hours(OF_CHANNEL, "c")
            },
            code,
        )?;
        session.ask_in_vain(get_shares("", 2), code)?;
        session.ask_in_vain(get_accounting(""), code)?;
        session.ask_in_vain(get_channel_stats("", None, None), code)?;
        for subject in [0, OF_CHANNEL, OF_USER, 3, 255] {
            session.ask_in_vain(get_hours(subject, ""), code)?;
        }
        for subject in [0, 3, 255] {
            session.ask_in_vain(get_hours(subject, "c"), code)?;
        }
        session.ask_in_vain(is_share_seen("", vec![hash_of(1); 1001])?, code)?;
        expect_equal("shares", session.totals()?.shares_accepted, 1)
    })
}

/// Has something in every list, and three things in those that take a limit.
fn fill(session: &mut Session) -> Outcome {
    let mut records = shares("c", 1..=5);
    records.push(share("d", 6).write());
    records.extend((7..=9).map(|number| block("c", number).write()));
    records.push(report("c").write());
    session.store(1, &records).map(|_| ())
}

/// `bytes` are no cursor of any list.
fn refused_by_all(session: &mut Session, bytes: &[u8]) -> Outcome {
    fn refused<R: List>(session: &mut Session, mut request: R, bytes: &[u8]) -> Outcome {
        *request.cursor() = bytes.to_vec().try_into()?;
        let refused = session.ask_in_vain(request, "invalid-cursor");
        refused.map_err(|Failure(reason)| format!("{} of {bytes:02x?}: {reason}", R::NAME).into())
    }
    refused(session, get_shares("c", 2), bytes)?;
    refused(session, get_records(3, "c", 2), bytes)?;
    refused(session, get_blocks("", 2), bytes)?;
    refused(session, list_channels(), bytes)?;
    refused(session, list_streams(""), bytes)?;
    refused(session, list_users(), bytes)?;
    refused(session, list_drift(), bytes)?;
    refused(session, get_hours(OF_CHANNEL, "c"), bytes)?;
    refused(session, get_hours(OF_USER, "account.worker"), bytes)
}

fn invalid_cursor(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        fill(&mut session)?;
        let of_shares = session.ask(get_shares("c", 2))?.next_cursor;
        let of_blocks = session.ask(get_blocks("", 2))?.next_cursor;
        for cursor in [&of_shares, &of_blocks] {
            ensure!(!cursor.is_empty(), "there is only one page");
            let mut spoiled = cursor.clone().into_bytes();
            spoiled[0] ^= 0x80;
            let longer = [cursor.as_bytes(), &[0]].concat();
            for bytes in [&spoiled, &longer, &cursor.as_bytes()[1..]] {
                refused_by_all(&mut session, bytes)?;
            }
        }
        for bytes in [vec![0], vec![0xff; 255]] {
            refused_by_all(&mut session, &bytes)?;
        }
        let second_page = GetRecords {
            cursor: of_shares,
            ..get_shares("c", 2)
        };
        let page = session.ask(second_page)?;
        expect_equal("shares", page.records.len(), 2)
    })
}

fn other_lists_cursor(programs: &Programs) -> Outcome {
    fn refused<R: List>(session: &mut Session, mut request: R, cursor: &B0255Owned) -> Outcome {
        *request.cursor() = cursor.clone();
        let refused = session.ask_in_vain(request, "invalid-cursor");
        refused.map_err(|Failure(reason)| format!("{}: {reason}", R::NAME).into())
    }
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        fill(&mut session)?;
        let of_shares = session.ask(get_shares("c", 2))?.next_cursor;
        let of_blocks = session.ask(get_blocks("", 2))?.next_cursor;
        refused(&mut session, get_shares("c", 2), &of_blocks)?;
        refused(&mut session, get_blocks("", 2), &of_shares)?;
        for cursor in [of_shares, of_blocks] {
            refused(&mut session, list_channels(), &cursor)?;
            refused(&mut session, list_streams(""), &cursor)?;
            refused(&mut session, list_users(), &cursor)?;
            refused(&mut session, list_drift(), &cursor)?;
            refused(&mut session, get_hours(OF_CHANNEL, "c"), &cursor)?;
        }
        Ok(())
    })
}

fn limits(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        fill(&mut session)?;
        for limit in [0, u32::MAX] {
            let page = session.ask(get_shares("c", limit))?;
            expect_equal("shares", page.records.len(), 5)?;
            ensure!(page.next_cursor.is_empty(), "there is more");
            let page = session.ask(get_blocks("", limit))?;
            expect_equal("blocks", page.blocks.len(), 3)?;
            ensure!(page.next_cursor.is_empty(), "there is more");
        }
        let page = session.ask(get_shares("c", 1))?;
        expect_equal("shares", page.records.len(), 1)?;
        let page = session.ask(get_blocks("c", 1))?;
        expect_equal("blocks", page.blocks.len(), 1)
    })
}

fn unknown_names(programs: &Programs) -> Outcome {
    fn empty<R: List>(session: &mut Session, request: R) -> Outcome {
        let found = pages(session, request)?;
        expect_equal(R::NAME, found, vec![vec![]])
    }
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        for written in [false, true] {
            if written {
                fill(&mut session)?;
            } else {
                empty(&mut session, get_blocks("", 0))?;
                empty(&mut session, list_channels())?;
                empty(&mut session, list_users())?;
            }
            for kind in [1, 2, 3, 5, 8] {
                empty(&mut session, get_records(kind, "unknown", 0))?;
            }
            for kind in [4, 6, 7] {
                empty(&mut session, get_records(kind, "", 0))?;
            }
            empty(&mut session, get_blocks("unknown", 0))?;
            empty(&mut session, get_hours(OF_CHANNEL, "unknown"))?;
            empty(&mut session, get_hours(OF_USER, "unknown"))?;
        }
        Ok(())
    })
}

fn cursor_later(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let records = timed_shares("c", 1..=5, first);
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        let rest = GetRecords {
            cursor: session.ask(get_shares("c", 2))?.next_cursor,
            ..get_shares("c", 2)
        };
        let mut partner = world.open(PARTNER, Claim::read())?;
        let found = all_records(&mut partner, rest.clone())?;
        expect_equal("numbers", sequences(&found), vec![3, 2, 1])?;

        world.role.stop()?;
        world.role.start_again()?;
        let mut session = world.open(POOL, Claim::both(7))?;
        if !world.backend.keeps() {
            session.store(1, &records)?;
            return session.ask_in_vain(rest, "invalid-cursor");
        }
        let found = all_records(&mut session, rest)?;
        expect_equal("numbers", sequences(&found), vec![3, 2, 1])
    })
}

fn many(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=100))?;
        let mut waiting: Vec<u32> = Vec::new();
        for _ in 0..64 {
            waiting.push(session.request(get_shares("c", 0))?);
        }
        let mut answered = 0;
        while !waiting.is_empty() {
            let frame = session.peer.receive_frame()?;
            if frame.is_report() {
                continue;
            }
            let id = if frame.header.msg_type() == StorageError::TYPE {
                let error = session.peer.parse::<StorageError>(&frame)?;
                expect_equal("code", string(&error.code).as_str(), "busy")?;
                error.request_id
            } else {
                let page = session.peer.parse::<GetRecordsSuccess>(&frame)?;
                expect_equal("shares", page.records.len(), 100)?;
                answered += 1;
                page.request_id
            };
            let place = waiting.iter().position(|waits| *waits == id);
            waiting.swap_remove(place.ok_or(format!("request {id} is answered twice"))?);
        }
        ensure!(answered >= 16, "only {answered} requests were answered");
        session.ping(1)
    })
}

fn no_request_id(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.peer.send_extension(GetHealth { request_id: 0 })?;
        session.peer.expect_refusal("invalid-request")?;
        let mut session = world.open(POOL, Claim::both(7))?;
        session.peer.send_extension(get_shares("c", 1))?;
        session.peer.expect_refusal("invalid-request")
    })
}

fn lengths(programs: &Programs) -> Outcome {
    fn check<M: Message>(world: &World, message: M) -> Outcome {
        let payload = message.write();
        for length in 0..payload.len() {
            let mut session = world.open(POOL, Claim::read())?;
            session
                .peer
                .send_raw(STORAGE_EXTENSION, M::TYPE, &payload[..length])?;
            session.peer.expect_refusal("malformed-message")?;
        }
        Ok(())
    }
    everywhere(programs, |world| {
        let request_id = 9;
        check(world, GetHealth { request_id })?;
        check(
            world,
            GetTotals {
                request_id,
                start: bound(Some(1)),
                ..totals_of("")
            },
        )?;
        check(
            world,
            IsShareSeen {
                request_id,
                ..is_share_seen("", vec![hash_of(1)])?
            },
        )?;

        let mut session = world.open(POOL, Claim::read())?;
        let request = GetTotals {
            request_id,
            ..totals_of("")
        };
        let mut payload = request.write();
        payload.extend(b"\x02\x00\x01\x0a\x00Worker_001");
        session
            .peer
            .send_raw(STORAGE_EXTENSION, GetTotals::TYPE, &payload)?;
        let answer = session.peer.expect::<GetTotalsSuccess>()?;
        expect_equal("request_id", answer.request_id, request_id)
    })
}

fn other_pools(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=3))?;

        let mut auditor = world.open(AUDITOR, Claim::read())?;
        let of_pool = |pool: &str| GetRecords {
            pool: text(pool),
            ..get_shares("c", 2)
        };
        let found = all_records(&mut auditor, of_pool("north"))?;
        expect_equal("shares of north", found.len(), 3)?;
        for pool in ["", "nowhere", STRANGER] {
            let found = all_records(&mut auditor, of_pool(pool))?;
            expect_equal(pool, found.len(), 0)?;
            let totals = auditor.ask(totals_of(pool))?;
            expect_equal(pool, Totals::read(totals.totals.as_bytes())?, nothing())?;
        }

        // Its own pool by its name, and any other, known or not.
        let found = all_records(&mut session, of_pool("north"))?;
        expect_equal("shares of its own", found.len(), 3)?;
        session.ask_and_end(of_pool(STRANGER), "not-permitted")?;
        let stranger = world.open(STRANGER, Claim::read())?;
        stranger.ask_and_end(totals_of("north"), "not-permitted")?;
        let stranger = world.open(STRANGER, Claim::read())?;
        stranger.ask_and_end(list_streams("nowhere"), "not-permitted")?;
        macro_rules! of_north {
            ($($request:expr),*) => {
                $({
                    let mut request = $request;
                    request.pool = text("north");
                    let stranger = world.open(STRANGER, Claim::read())?;
                    stranger.ask_and_end(request, "not-permitted")?;
                })*
            };
        }
        of_north!(
            is_share_seen("", vec![hash_of(1)])?,
            get_accounting("c"),
            get_channel_stats("c", None, None),
            list_channels(),
            get_blocks("", 0),
            list_users(),
            get_hours(OF_CHANNEL, "c"),
            list_drift()
        );
        Ok(())
    })
}
