//! What a client finds when it comes back: after its own end, after the role's, and after the store's.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use parsers_sv2::{AnyMessageOwned, CommonMessagesOwned};

use crate::Programs;
use crate::cases::world::{
    AUDITOR, Backend, POOL, World, everywhere, expect_equal, expect_verdicts, on, share, shares,
    string,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{
    GetHealth, Message, STORAGE_EXTENSION, Share, StorageError, StoreStatus, StoreSuccess, Struct,
};
use crate::sri::Received;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "what is sent again after a reconnect is acknowledged with the verdicts it has, and counts once",
            reconnect,
        ),
        Case::new(
            "Store.Success acknowledges only what its own session has sent",
            own_session,
        ),
        Case::new(
            "a kept store knows after SIGKILL all that it acknowledged, and counts what is sent again once",
            killed_keeping,
        ),
        Case::new(
            "a volatile store is another data set after SIGKILL, and lets its clients in",
            killed_memory,
        ),
        Case::new(
            "SIGTERM is answered with the last acknowledgment, then Reconnect, then the end",
            stopped,
        ),
        Case::new(
            "who waits for the store to attach when the role stops is told shutting-down",
            stopped_before_attached,
        ),
        Case::new(
            "a store that cannot write is told of by StoreStatus, ends no session, and goes on where it stopped",
            stalled,
        ),
        Case::new(
            "a kept store stays the same data set over a stop",
            restarted,
        ),
        Case::new(
            "a client that remembers more than the store holds is told history-lost",
            remembers_more,
        ),
        Case::new(
            "a session that is told history-lost has fenced the older one of its stream",
            lost_and_fenced,
        ),
        Case::new(
            "a client that remembers a later generation is told history-lost",
            later_generation,
        ),
        Case::new(
            "what a client remembers of another data set is not compared",
            another_data_set,
        ),
        Case::new(
            "a client finds an older copy of the database to be history-lost",
            older_copy,
        ),
    ]
}

/// Ten shares, of which the third and the last are the first once more.
fn with_duplicates() -> Vec<Vec<u8>> {
    let mut records = shares("c", 1..=10);
    for number in [3, 10] {
        records[number - 1] = Share {
            sequence_number: number as u32,
            ..share("c", 1)
        }
        .write();
    }
    records
}

const DUPLICATES: [(u64, &str); 2] = [(3, "duplicate-share"), (10, "duplicate-share")];

fn expect_counted(session: &mut Session, accepted: u64, duplicates: u64) -> Outcome {
    let totals = session.totals()?;
    expect_equal("accepted", totals.shares_accepted, accepted)?;
    expect_equal("duplicates", totals.shares_duplicate, duplicates)?;
    expect_equal("work", totals.share_work_sum_low, accepted * 1000)
}

fn reconnect(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let records = with_duplicates();
        let mut first = world.open(POOL, Claim::write(7))?;
        expect_verdicts(&first.store(1, &records)?, &DUPLICATES)?;
        let granted = first.granted.clone();
        drop(first);

        // All of it again, with new ones behind it in the same message.
        let mut second = world.open(POOL, Claim::both(7))?;
        expect_equal("durable_sequence", second.granted.durable_sequence, 10)?;
        let mut more = records.clone();
        more.extend(shares("c", 11..=12));
        expect_verdicts(&second.store(1, &more)?, &DUPLICATES)?;
        expect_counted(&mut second, 10, 2)?;

        // From the middle, as one that remembers.
        let claim = Claim::both(7).remembering(&granted, 5);
        let mut third = world.open(POOL, claim)?;
        expect_equal("durable_sequence", third.granted.durable_sequence, 12)?;
        expect_verdicts(&third.store(6, &more[5..])?, &[(10, "duplicate-share")])?;
        expect_counted(&mut third, 10, 2)
    })
}

fn own_session(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let records = with_duplicates();
        world.open(POOL, Claim::write(7))?.store(1, &records)?;
        let mut session = world.open(POOL, Claim::write(7))?;
        session.ping(1)?;
        session.send_records(1, &records[..4])?;
        let verdicts = session.acknowledged_up_to(4)?;
        expect_verdicts(&verdicts, &[(3, "duplicate-share")])?;
        session.ping(2)
    })
}

/// Sends 2,000 records in many messages and kills the role once some of them are acknowledged.
fn killed_while_storing(world: &mut World) -> Outcome<(Session, Vec<Vec<u8>>)> {
    let mut session = world.open(POOL, Claim::both(7))?;
    let mut records = with_duplicates();
    records.extend(shares("c", 11..=2000));
    for (index, message) in records.chunks(20).enumerate() {
        session.send_records(index as u64 * 20 + 1, message)?;
    }
    let success = session.peer.expect::<StoreSuccess>()?;
    session.take_acknowledgment(&success)?;
    world.role.kill()?;
    // What had been said before is still to be read; the end of it may be torn.
    while let Ok(Received::Frame(frame)) = session.peer.receive() {
        if frame.is_report() {
            continue;
        }
        let success = session.peer.parse::<StoreSuccess>(&frame)?;
        session.take_acknowledgment(&success)?;
    }
    world.role.start_again()?;
    Ok((session, records))
}

fn killed_keeping(programs: &Programs) -> Outcome {
    on(programs, &Backend::KEEPING, |world| {
        let (before, records) = killed_while_storing(world)?;
        let acknowledged = before.acknowledged();
        let claim = Claim::both(7).remembering(&before.granted, acknowledged);
        let mut session = world.open(POOL, claim)?;
        let granted = session.granted.clone();
        expect_equal("dataset_id", granted.dataset_id, before.granted.dataset_id)?;
        expect_equal("generation", granted.generation, before.granted.generation)?;
        ensure!(
            granted.durable_sequence >= acknowledged && granted.durable_sequence <= 2000,
            "durable_sequence {} after the acknowledgment of {acknowledged}",
            granted.durable_sequence
        );
        let rest = &records[acknowledged as usize..];
        if !rest.is_empty() {
            session.store(acknowledged + 1, rest)?;
        }
        expect_counted(&mut session, 1998, 2)?;

        let mut forgetful = world.open(POOL, Claim::both(7))?;
        expect_verdicts(&forgetful.store(1, &records)?, &DUPLICATES)?;
        expect_counted(&mut forgetful, 1998, 2)
    })
}

fn killed_memory(programs: &Programs) -> Outcome {
    on(programs, &[Backend::Memory], |world| {
        let (before, records) = killed_while_storing(world)?;
        let claim = Claim::both(7).remembering(&before.granted, before.acknowledged());
        let session = world.open(POOL, claim)?;
        let granted = session.granted.clone();
        ensure!(
            granted.dataset_id != before.granted.dataset_id,
            "the dataset_id is that of before"
        );
        expect_equal("durable_sequence", granted.durable_sequence, 0)?;

        let mut new_stream = world.open(POOL, Claim::both(8))?;
        expect_verdicts(&new_stream.store(1, &records)?, &DUPLICATES)?;
        expect_counted(&mut new_stream, 1998, 2)
    })
}

fn stopped(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut reader = world.open(AUDITOR, Claim::read())?;
        let mut session = world.open(POOL, Claim::write(7))?;
        let records = shares("c", 1..=2000);
        for (index, message) in records.chunks(20).enumerate() {
            session.send_records(index as u64 * 20 + 1, message)?;
        }
        let success = session.peer.expect::<StoreSuccess>()?;
        session.take_acknowledgment(&success)?;
        world.role.terminate()?;
        loop {
            let frame = session.peer.receive_frame()?;
            if frame.header.ext_type() != STORAGE_EXTENSION {
                expect_reconnect(frame.message()?)?;
                break;
            }
            if frame.is_report() {
                continue;
            }
            let success = session.peer.parse::<StoreSuccess>(&frame)?;
            session.take_acknowledgment(&success)?;
        }
        session.peer.expect_closed()?;
        expect_reconnect(reader.peer.receive_frame()?.message()?)?;
        reader.peer.expect_closed()?;
        world.role.expect_stopped()?;

        world.role.start_again()?;
        let granted = world.open(POOL, Claim::write(7))?.granted;
        let kept = if world.backend.keeps() {
            session.acknowledged()
        } else {
            0
        };
        expect_equal("durable_sequence", granted.durable_sequence, kept)
    })
}

/// SQLite's writer waits up to a second for a lock that another program holds. A stop that comes before the role has read
/// Authenticate, or after that second, is answered otherwise, and the case begins anew.
fn stopped_before_attached(programs: &Programs) -> Outcome {
    on(programs, &[Backend::Sqlite], |world| {
        for _ in 0..20 {
            let lock = Lock::on(&world.database())?;
            let mut peer = world.introduced()?;
            peer.peer
                .send_extension(peer.signed(&world.keys[POOL], Claim::write(7)))?;
            thread::sleep(Duration::from_millis(200));
            world.role.terminate()?;
            let frame = peer.peer.receive_frame()?;
            drop(lock);
            let code = if frame.header.ext_type() == STORAGE_EXTENSION {
                string(&peer.peer.parse::<StorageError>(&frame)?.code)
            } else {
                expect_reconnect(frame.message()?)?;
                String::new()
            };
            peer.peer.expect_closed()?;
            world.role.expect_stopped()?;
            world.role.start_again()?;
            if code == "shutting-down" {
                world.open(POOL, Claim::write(7))?;
                return Ok(());
            }
            ensure!(code.is_empty() || code == "storage-unavailable", "{code}");
        }
        Err("no stop came while the store was waited for".into())
    })
}

/// Held by a program of its own, as an operator's would be, until this is dropped.
struct Lock {
    program: Child,
    _input: ChildStdin,
}

impl Lock {
    fn on(database: &Path) -> Outcome<Self> {
        let mut program = Command::new("sqlite3")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = program.stdin.take().ok_or("sqlite3 has no input")?;
        let output = program.stdout.take().ok_or("sqlite3 has no output")?;
        writeln!(input, ".timeout 10000\nBEGIN IMMEDIATE; SELECT 'held';")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line == "held\n", "sqlite3 says '{line}'");
        Ok(Self {
            program,
            _input: input,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn expect_reconnect(message: AnyMessageOwned) -> Outcome {
    match message {
        AnyMessageOwned::Common(CommonMessagesOwned::Reconnect(message)) => {
            let to_the_same_place = message.new_host.is_empty() && message.new_port == 0;
            ensure!(to_the_same_place, "{message}");
            Ok(())
        }
        other => Err(format!("{other} instead of Reconnect").into()),
    }
}

fn stalled(programs: &Programs) -> Outcome {
    on(programs, &[Backend::Sqlite], |world| {
        let records = with_duplicates();
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records[..5])?;
        world.role.let_files_grow(false)?;
        session.send_records(6, &records[5..])?;
        let status = session.peer.expect::<StoreStatus>()?;
        expect_equal("is_available", status.is_available, false)?;
        expect_equal("code", string(&status.code).as_str(), "storage-unavailable")?;
        session.ping(1)?;
        let health = session.ask(GetHealth { request_id: 0 })?;
        expect_equal("is_healthy", health.is_healthy, false)?;
        let connection = string(&health.connection_status);
        expect_equal("connection_status", connection.as_str(), "stalled")?;
        expect_counted(&mut session, 4, 1)?;
        world.refused(POOL, Claim::write(8), "storage-unavailable")?;

        // Recovered, it acknowledges what had been sent before. Which of the two is told first is open.
        world.role.let_files_grow(true)?;
        let mut recovered = false;
        while !recovered || session.acknowledged() < 10 {
            let frame = session.peer.receive_frame()?;
            if frame.header.msg_type() == StoreStatus::TYPE {
                let status = session.peer.parse::<StoreStatus>(&frame)?;
                let told = status.is_available && status.code.is_empty();
                ensure!(told && !recovered, "{status:?}");
                recovered = true;
            } else {
                let success = session.peer.parse::<StoreSuccess>(&frame)?;
                session.take_acknowledgment(&success)?;
            }
        }
        expect_counted(&mut session, 8, 2)
    })
}

fn restarted(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let records = with_duplicates();
        let mut before = world.open(POOL, Claim::write(7))?;
        before.store(1, &records)?;
        world.role.stop()?;
        world.role.start_again()?;

        let mut session = world.open(POOL, Claim::both(7))?;
        let same = session.granted.dataset_id == before.granted.dataset_id;
        if !world.backend.keeps() {
            ensure!(!same, "the dataset_id is that of before");
            return expect_equal("durable_sequence", session.granted.durable_sequence, 0);
        }
        ensure!(same, "the dataset_id is another one");
        expect_equal("durable_sequence", session.granted.durable_sequence, 10)?;
        expect_counted(&mut session, 8, 2)?;
        expect_verdicts(&session.store(1, &records)?, &DUPLICATES)?;
        // Duplicates are found across the restart, too.
        let once_more = share("d", 1).write();
        let verdicts = session.store(11, &[once_more])?;
        expect_verdicts(&verdicts, &[(11, "duplicate-share")])
    })
}

fn remembers_more(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut before = world.open(POOL, Claim::write(7))?;
        before.store(1, &with_duplicates())?;
        let knows = Claim::write(7).remembering(&before.granted, 10);
        let knows_more = Claim::write(7).remembering(&before.granted, 11);
        drop(before);

        world.refused(POOL, knows_more, "history-lost")?;
        world.refused(POOL, knows_more, "history-lost")?;

        // Of another stream it is as true, and a client that remembers no more than there is goes on.
        let elsewhere = Claim {
            stream_id: 8,
            ..knows
        };
        world.refused(POOL, elsewhere, "history-lost")?;
        let mut session = world.open(POOL, knows)?;
        expect_verdicts(&session.store(11, &shares("c", [11]))?, &[])
    })
}

fn lost_and_fenced(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut older = world.open(POOL, Claim::write(7))?;
        older.store(1, &with_duplicates())?;
        let knows_more = Claim::write(7).remembering(&older.granted, 11);
        world.refused(POOL, knows_more, "history-lost")?;
        older.peer.expect_refusal("fenced")
    })
}

fn later_generation(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::write(7))?;
        session.store(1, &with_duplicates())?;
        let remembered = Claim::write(7).remembering(&session.granted, 10);
        let later = Claim {
            generation: remembered.generation + 1,
            ..remembered
        };
        world.refused(POOL, later, "history-lost")
    })
}

fn another_data_set(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let granted = world.open(POOL, Claim::write(7))?.granted;
        let remembered = Claim::write(7).remembering(&granted, 1000);
        let another = Claim {
            dataset_id: granted.dataset_id ^ 1,
            generation: 1000,
            ..remembered
        };
        world.open(POOL, another).map(|_| ())
    })
}

fn older_copy(programs: &Programs) -> Outcome {
    on(programs, &[Backend::Sqlite], |world| {
        let database = world.database();
        let files = ["", "-wal", "-shm"].map(|suffix| {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        });
        let records = with_duplicates();
        world.open(POOL, Claim::write(7))?.store(1, &records[..4])?;
        world.role.stop()?;
        let copies: Vec<_> = files.iter().map(|file| fs::read(file).ok()).collect();

        world.role.start_again()?;
        let mut session = world.open(POOL, Claim::write(7))?;
        session.store(5, &records[4..])?;
        let remembered = Claim::write(7).remembering(&session.granted, 10);
        world.role.stop()?;
        for (file, copy) in files.iter().zip(copies) {
            match copy {
                Some(bytes) => fs::write(file, bytes)?,
                None if file.exists() => fs::remove_file(file)?,
                None => {}
            }
        }
        // The role would not serve it: it has come further.
        for entry in fs::read_dir(world.role.folder().join("state"))? {
            let file = entry?.path();
            if file.to_string_lossy().contains("/watermark-") {
                fs::remove_file(file)?;
            }
        }
        world.role.start_again()?;
        world.refused(POOL, remembered, "history-lost")
    })
}
