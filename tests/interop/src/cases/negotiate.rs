//! RequestExtensions: what has to be asked for, and how often one may ask.

use common_messages_sv2::{ChannelEndpointChangedOwned, ReconnectOwned};
use parsers_sv2::{AnyMessageOwned, CommonMessagesOwned};

use crate::Programs;
use crate::extension::STORAGE_EXTENSION;
use crate::messages::{HASHRATE_EXTENSION, request_extensions, text};
use crate::role::Role;
use crate::sri::{Peer, Trust};
use crate::tap::{Case, Outcome};

/// Two numbers that the role supports nothing under.
const OTHERS: [u16; 2] = [HASHRATE_EXTENSION, 0x4001];

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new("RequestExtensions with our extension succeeds", asked),
        Case::new(
            "RequestExtensions with our extension twice and among others succeeds with ours alone",
            asked_among_others,
        ),
        Case::new(
            "RequestExtensions without our extension is answered with Error that names it",
            missed,
        ),
        Case::new(
            "RequestExtensions may be tried a second time",
            missed_then_asked,
        ),
        Case::new(
            "RequestExtensions that misses our extension twice ends the connection",
            missed_twice,
        ),
        Case::new(
            "ChannelEndpointChanged from a client is refused",
            channel_endpoint_changed,
        ),
        Case::new("Reconnect from a client is refused", reconnect),
    ]
}

fn after_setup(programs: &Programs, conversation: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
    Role::serve(&programs.role, |role| {
        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.set_up()?;
        conversation(&mut peer)
    })
}

fn asked(programs: &Programs) -> Outcome {
    after_setup(programs, |peer| {
        peer.send(request_extensions(0xabcd, &[STORAGE_EXTENSION]))?;
        peer.expect_extensions_success(0xabcd)
    })
}

fn asked_among_others(programs: &Programs) -> Outcome {
    after_setup(programs, |peer| {
        let twice = [
            HASHRATE_EXTENSION,
            STORAGE_EXTENSION,
            HASHRATE_EXTENSION,
            STORAGE_EXTENSION,
        ];
        peer.send(request_extensions(2, &twice))?;
        peer.expect_extensions_success(2)
    })
}

fn missed(programs: &Programs) -> Outcome {
    after_setup(programs, |peer| {
        peer.send(request_extensions(3, &OTHERS))?;
        peer.expect_extensions_error(3, &OTHERS)
    })
}

fn missed_then_asked(programs: &Programs) -> Outcome {
    after_setup(programs, |peer| {
        peer.send(request_extensions(4, &[]))?;
        peer.expect_extensions_error(4, &[])?;
        peer.send(request_extensions(5, &[STORAGE_EXTENSION]))?;
        peer.expect_extensions_success(5)
    })
}

fn missed_twice(programs: &Programs) -> Outcome {
    after_setup(programs, |peer| {
        for request_id in [6, 7] {
            peer.send(request_extensions(request_id, &OTHERS))?;
            peer.expect_extensions_error(request_id, &OTHERS)?;
        }
        peer.expect_eof()
    })
}

fn channel_endpoint_changed(programs: &Programs) -> Outcome {
    let message = ChannelEndpointChangedOwned { channel_id: 7 };
    refused(
        programs,
        CommonMessagesOwned::ChannelEndpointChanged(message),
    )
}

fn reconnect(programs: &Programs) -> Outcome {
    let message = ReconnectOwned {
        new_host: text("elsewhere.example"),
        new_port: 34274,
    };
    refused(programs, CommonMessagesOwned::Reconnect(message))
}

fn refused(programs: &Programs, message: CommonMessagesOwned) -> Outcome {
    after_setup(programs, |peer| {
        peer.send(AnyMessageOwned::Common(message))?;
        peer.expect_setup_error(0, "unexpected-message")?;
        peer.expect_eof()
    })
}
