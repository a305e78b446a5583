//! The cases, by the part of the conversation they are about. Their names stand in `cases.txt`.

mod ask;
mod authenticate;
mod blocks;
mod cleanup;
mod cpp_client;
mod document;
mod handshake;
mod hours;
mod lists;
mod negotiate;
mod open;
mod records;
mod reports;
mod requests;
mod resume;
mod session;
mod setup;
mod shares;
mod store;
mod totals;
mod verdicts;
mod world;

use crate::Programs;
use crate::tap::Case;

pub fn all() -> Vec<Case<Programs>> {
    [
        handshake::cases(),
        setup::cases(),
        negotiate::cases(),
        open::cases(),
        cpp_client::cases(),
        document::cases(),
        authenticate::cases(),
        session::cases(),
        store::cases(),
        verdicts::cases(),
        resume::cases(),
        shares::cases(),
        records::cases(),
        totals::cases(),
        blocks::cases(),
        reports::cases(),
        hours::cases(),
        lists::cases(),
        cleanup::cases(),
        requests::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
