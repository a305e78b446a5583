//! ListChannels, ListStreams and GetHealth.

use crate::Programs;
use crate::cases::ask::{all_names, list_channels, list_streams, pages};
use crate::cases::world::{
    AUDITOR, PARTNER, POOL, STRANGER, everywhere, expect_equal, now, share, shares, string,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{GetHealth, StreamState, Struct};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "ListChannels lists the channels by the order of their bytes, in pages",
            channels,
        ),
        Case::new(
            "ListStreams lists the pool's streams by identity and stream_id, with epoch and durable_sequence",
            streams,
        ),
        Case::new("GetHealth tells the backend and how it is", health),
    ]
}

fn channels(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let mut names: Vec<String> = (0..400).map(|n| format!("{n:0>200}")).collect();
        names.extend(["a", "B", "b.1", "b", "\u{e9}", "z"].map(str::to_owned));
        let records: Vec<Vec<u8>> = names
            .iter()
            .zip(1..)
            .map(|(name, number)| share(name, number).write())
            .collect();
        session.store(1, &records)?;
        world
            .open(STRANGER, Claim::write(7))?
            .store(1, &shares("elsewhere", [1]))?;

        names.sort_unstable();
        expect_equal("channels", all_names(&mut session, list_channels())?, names)?;
        let pages = pages(&mut session, list_channels())?.len();
        ensure!(pages > 1, "there is only one page");
        Ok(())
    })
}

fn streams(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        world.open(PARTNER, Claim::write(5))?;
        world.open(STRANGER, Claim::write(1))?;
        world
            .open(POOL, Claim::write(9))?
            .store(1, &shares("c", 1..=3))?;
        world.open(POOL, Claim::write(9))?;
        world.open(POOL, Claim::write(256))?;
        let mut session = world.open(POOL, Claim::both(9))?;
        session.store(4, &shares("c", [4]))?;

        let check = |session: &mut Session, pool: &str, wanted: &[(&str, u64, u64, u64)]| {
            let page = session.ask(list_streams(pool))?;
            ensure!(page.next_cursor.is_empty(), "{page:?}");
            let found: Outcome<Vec<_>> = page
                .streams
                .iter()
                .map(|state| {
                    let state = StreamState::read(state.as_bytes())?;
                    let name = string(&state.identity);
                    Ok((name, state.stream_id, state.epoch, state.durable_sequence))
                })
                .collect();
            let wanted = wanted
                .iter()
                .map(|(name, id, epoch, durable)| (name.to_string(), *id, *epoch, *durable));
            expect_equal("streams", found?, wanted.collect())
        };
        let of_north = [(POOL, 9, 3, 4), (POOL, 256, 1, 0), (PARTNER, 5, 1, 0)];
        check(&mut session, "", &of_north)?;
        let mut auditor = world.open(AUDITOR, Claim::read())?;
        check(&mut auditor, "north", &of_north)?;
        check(&mut auditor, STRANGER, &[(STRANGER, 1, 1, 0)])?;
        check(&mut auditor, "", &[])
    })
}

fn health(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let begun = now();
        session.store(1, &shares("c", [1]))?;
        let health = session.ask(GetHealth { request_id: 0 })?;
        expect_equal("is_healthy", health.is_healthy, true)?;
        let backend = string(&health.backend_type);
        expect_equal("backend_type", backend.as_str(), world.backend.name())?;
        let status = string(&health.connection_status);
        expect_equal("connection_status", status.as_str(), "connected")?;
        expect_equal("durability", health.durability, world.backend.durability())?;
        ensure!(health.error_message.is_empty(), "{health:?}");
        let last = health.last_operation_timestamp.into_inner();
        ensure!(
            last.is_some_and(|time| time >= begun && time <= now()),
            "the last commit was at {last:?}, the record was sent at {begun}"
        );
        // Whoever may ask anything may ask this.
        let mut auditor = world.open(AUDITOR, Claim::read())?;
        auditor.ask(GetHealth { request_id: 0 }).map(|_| ())
    })
}
