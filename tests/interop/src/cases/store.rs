//! StoreRecords and Store.Success: what is stored, in which order, and what ends the session.

use binary_sv2::Seq064KOwned;

use crate::Programs;
use crate::cases::world::{
    PARTNER, POOL, World, batch, block, deletion, everywhere, expect_equal, expect_verdicts, job,
    refused_job, report, share, shares, solution, status,
};
use crate::client::{Claim, IN_FLIGHT_PER_RECORD, Session, store_records};
use crate::ensure;
use crate::extension::{
    ListStreams, MAX_FRAME, MAX_RECORD, Message, STORAGE_EXTENSION, StoreRecords, StoreSuccess,
    StreamState, Struct,
};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "a record of each kind is stored and acknowledged",
            each_kind,
        ),
        Case::new(
            "StoreRecords in flight are acknowledged cumulatively, and every record counts once",
            pipelined,
        ),
        Case::new(
            "an acknowledgment comes before the answer to a request sent behind the records",
            before_answers,
        ),
        Case::new(
            "a frame of exactly max_frame is stored, one byte more is frame-too-large from its header alone",
            largest_frame,
        ),
        Case::new(
            "StoreRecords from number 0, of no record or cut short is a malformed-message",
            malformed,
        ),
        Case::new(
            "bytes behind the list of StoreRecords are a malformed-message",
            behind_the_list,
        ),
        Case::new(
            "numbers that were left out are a sequence-gap, and nothing of the message is stored",
            gap,
        ),
        Case::new(
            "another record under a stored number is a sequence-conflict, and nothing of the message is stored",
            conflict,
        ),
        Case::new(
            "a second session of a stream fences the first, and nothing that the first sends is stored",
            fenced,
        ),
        Case::new(
            "two streams of one client have numbers of their own",
            two_streams,
        ),
        Case::new(
            "streams of two clients with one stream_id are two streams",
            same_stream_id,
        ),
    ]
}

fn each_kind(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let records = [
            share("c", 1).write(),
            report("c").write(),
            block("c", 2).write(),
            status(2, 1).write(),
            batch("c").write(),
            job(3).write(),
            refused_job(4).write(),
            solution(3).write(),
            deletion("c").write(),
        ];
        expect_verdicts(&session.store(1, &records)?, &[])?;
        let totals = session.totals()?;
        expect_equal("accepted shares", totals.shares_accepted, 1)?;
        expect_equal("blocks", totals.blocks_found, 1)
    })
}

fn pipelined(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let mut sent = 0;
        let mut in_flight = 0;
        while sent < 5000 {
            let records = shares("c", sent + 1..=sent + 50);
            let bytes: usize = records.iter().map(|record| record.len() + 3).sum();
            in_flight += 10 + bytes + IN_FLIGHT_PER_RECORD * records.len();
            session.send_records(u64::from(sent) + 1, &records)?;
            sent += 50;
        }
        ensure!(
            in_flight <= session.granted.max_in_flight as usize,
            "{in_flight} bytes were in flight, and {} were granted",
            session.granted.max_in_flight
        );
        expect_verdicts(&session.acknowledged_up_to(5000)?, &[])?;
        let totals = session.totals()?;
        expect_equal("accepted shares", totals.shares_accepted, 5000)?;
        expect_equal("work", totals.share_work_sum_low, 5_000_000)
    })
}

fn before_answers(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        for number in 1..=20 {
            session.store(u64::from(number), &shares("c", [number]))?;
            expect_equal("shares", session.totals()?.shares_accepted, number.into())?;
        }
        // Nothing is owed any more: the answer to a Ping is the next that is said.
        session.ping(21)
    })
}

fn largest_frame(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        // first_sequence, the count, and two records with their lengths.
        let half = (MAX_FRAME as usize - 8 - 2 - 2 * 3) / 2;
        ensure!(half <= MAX_RECORD as usize, "{half} bytes are no record");
        let records = [1, 2].map(|number| padded(share("c", number).write(), half));
        expect_verdicts(&session.store(1, &records)?, &[])?;
        expect_equal("shares", session.totals()?.shares_accepted, 2)?;

        let mut frame = STORAGE_EXTENSION.to_le_bytes().to_vec();
        frame.push(StoreRecords::TYPE);
        frame.extend(&(MAX_FRAME + 1).to_le_bytes()[..3]);
        frame.extend(vec![0; MAX_FRAME as usize + 1]);
        let bytes = session.peer.encrypt_raw(frame)?;
        let header = &bytes[..codec_sv2::ENCRYPTED_SV2_FRAME_HEADER_SIZE];
        session.peer.send_bytes(header)?;
        session.peer.expect_refusal("frame-too-large")
    })
}

/// The record with one TLV field after its fields, which may be longer than the field's length can say.
pub fn padded(mut record: Vec<u8>, length: usize) -> Vec<u8> {
    record.extend(b"\x01\x40\x01\xff\xff");
    record.resize(length, 0x20);
    record
}

fn malformed(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let whole = store_records(1, &shares("c", 1..=2))?.write();
        let empty = StoreRecords {
            first_sequence: 1,
            records: Seq064KOwned::new(Vec::new())?,
        };
        for payload in [
            store_records(0, &shares("c", 1..=2))?.write(),
            empty.write(),
            Vec::new(),
            whole[..7].to_vec(),
            whole[..whole.len() - 1].to_vec(),
        ] {
            malformed_message(world, &payload)?;
        }
        nothing_stored(world)
    })
}

fn behind_the_list(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let whole = store_records(1, &shares("c", 1..=2))?.write();
        malformed_message(world, &[&whole[..], &[0]].concat())?;
        // A TLV field would be fine behind any other message.
        malformed_message(world, &[&whole[..], b"\x02\x00\x01\x01\x00W"].concat())?;
        nothing_stored(world)
    })
}

fn malformed_message(world: &World, payload: &[u8]) -> Outcome {
    let mut session = world.open(POOL, Claim::both(7))?;
    session
        .peer
        .send_raw(STORAGE_EXTENSION, StoreRecords::TYPE, payload)?;
    session.peer.expect_refusal("malformed-message")
}

fn nothing_stored(world: &World) -> Outcome {
    let mut session = world.open(POOL, Claim::both(7))?;
    expect_equal("durable_sequence", session.granted.durable_sequence, 0)?;
    expect_equal("shares", session.totals()?.shares_accepted, 0)
}

fn gap(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for first in [2, u64::MAX - 1, u64::MAX] {
            let mut session = world.open(POOL, Claim::both(7))?;
            session.send_records(first, &shares("c", 1..=3))?;
            session.peer.expect_refusal("sequence-gap")?;
        }
        nothing_stored(world)?;

        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=3))?;
        session.send_records(5, &shares("c", 5..=6))?;
        session.peer.expect_refusal("sequence-gap")?;
        let mut session = world.open(POOL, Claim::both(7))?;
        expect_equal("durable_sequence", session.granted.durable_sequence, 3)?;
        expect_equal("shares", session.totals()?.shares_accepted, 3)
    })
}

fn conflict(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let records = shares("c", 1..=3);
        world.open(POOL, Claim::write(7))?.store(1, &records)?;

        let mut session = world.open(POOL, Claim::write(7))?;
        let mut others = records.clone();
        others[2] = padded(others[2].clone(), others[2].len() + 10);
        others.push(share("c", 4).write());
        session.send_records(1, &others)?;
        session.peer.expect_refusal("sequence-conflict")?;

        let mut session = world.open(POOL, Claim::both(7))?;
        expect_equal("durable_sequence", session.granted.durable_sequence, 3)?;
        expect_equal("shares", session.totals()?.shares_accepted, 3)?;
        // What was stored is what was sent first.
        expect_verdicts(&session.store(1, &records)?, &[])
    })
}

fn fenced(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut bystander = world.open(POOL, Claim::both(6))?;
        for (stream_id, sends) in [(7, false), (8, true)] {
            let channel = stream_id.to_string();
            let numbered = |number: u32| share(&channel, stream_id as u32 * 100 + number).write();
            let mut first = world.open(POOL, Claim::write(stream_id))?;
            first.store(1, &[numbered(1), numbered(2)])?;

            let mut second = world.open(POOL, Claim::write(stream_id))?;
            expect_equal("durable_sequence", second.granted.durable_sequence, 2)?;
            if sends {
                // The connection may already be closed.
                let _ = first.send_records(3, &[numbered(3)]);
            }
            first.peer.expect_refusal("fenced")?;
            expect_verdicts(&second.store(3, &[numbered(4)])?, &[])?;
            expect_equal("epoch", epoch_of(&mut bystander, stream_id)?, 2)?;
        }
        expect_verdicts(&bystander.store(1, &shares("c", [5]))?, &[])?;
        expect_equal("epoch", epoch_of(&mut bystander, 6)?, 1)?;
        expect_equal("shares", bystander.totals()?.shares_accepted, 7)
    })
}

fn epoch_of(session: &mut Session, stream_id: u64) -> Outcome<u64> {
    let list = session.ask(ListStreams {
        request_id: 0,
        pool: text(""),
        cursor: Vec::new().try_into()?,
    })?;
    for state in list.streams.iter() {
        let state = StreamState::read(state.as_bytes())?;
        if state.stream_id == stream_id {
            return Ok(state.epoch);
        }
    }
    Err(format!("there is no stream {stream_id}").into())
}

fn two_streams(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut shares_first = world.open(POOL, Claim::both(7))?;
        let mut blocks_first = world.open(POOL, Claim::write(u64::MAX))?;
        shares_first.send_records(1, &shares("c", 1..=300))?;
        blocks_first.send_records(1, &[block("c", 1000).write()])?;
        shares_first.send_records(301, &shares("c", 301..=303))?;
        expect_verdicts(&blocks_first.acknowledged_up_to(1)?, &[])?;
        expect_verdicts(&shares_first.acknowledged_up_to(303)?, &[])?;

        let totals = shares_first.totals()?;
        expect_equal("shares", totals.shares_accepted, 303)?;
        expect_equal("blocks", totals.blocks_found, 1)?;
        drop((shares_first, blocks_first));
        for (stream_id, durable_sequence) in [(7, 303), (u64::MAX, 1)] {
            let granted = world.open(POOL, Claim::write(stream_id))?.granted;
            expect_equal(
                "durable_sequence",
                granted.durable_sequence,
                durable_sequence,
            )?;
        }
        Ok(())
    })
}

fn same_stream_id(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut one = world.open(POOL, Claim::both(7))?;
        let mut other = world.open(PARTNER, Claim::both(7))?;
        expect_verdicts(&one.store(1, &shares("c", 1..=3))?, &[])?;
        expect_verdicts(&other.store(1, &shares("c", 4..=5))?, &[])?;
        one.peer
            .send_extension(store_records(4, &shares("c", [6]))?)?;
        let success = one.peer.expect::<StoreSuccess>()?;
        expect_equal("durable_sequence", success.durable_sequence, 4)
    })
}
