//! The cases, by the part of the conversation they are about. Their names stand in `cases.txt`.

mod cpp_client;
mod handshake;
mod negotiate;
mod open;
mod setup;

use crate::Programs;
use crate::tap::Case;

pub fn all() -> Vec<Case<Programs>> {
    [
        handshake::cases(),
        setup::cases(),
        negotiate::cases(),
        open::cases(),
        cpp_client::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
