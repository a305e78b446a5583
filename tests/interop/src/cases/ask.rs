//! The requests that most cases make, and their answers as far as several cases look into them.

use std::ops::RangeInclusive;

use binary_sv2::{B0255Owned, Seq064KOwned};

use crate::cases::world::{bound, share};
use crate::client::Session;
use crate::ensure;
use crate::extension::{
    GetAccounting, GetChannelStats, GetShares, GetSharesSuccess, IsShareSeen, ListChannels,
    ListStreams, StoredRecord, Struct,
};
use crate::messages::text;
use crate::tap::Outcome;

/// What a page holds unless a single item is larger.
pub const PAGE: usize = 65_536;

pub fn get_shares(channel_id: &str, limit: u32) -> GetShares {
    GetShares {
        request_id: 0,
        pool: text(""),
        channel_id: text(channel_id),
        start: bound(None),
        end: bound(None),
        limit,
        cursor: first_page(),
    }
}

pub fn first_page() -> B0255Owned {
    Vec::new().try_into().expect("no bytes fit")
}

pub fn get_accounting(channel_id: &str) -> GetAccounting {
    GetAccounting {
        request_id: 0,
        pool: text(""),
        channel_id: text(channel_id),
    }
}

pub fn get_channel_stats(
    channel_id: &str,
    start: Option<u64>,
    end: Option<u64>,
) -> GetChannelStats {
    GetChannelStats {
        request_id: 0,
        pool: text(""),
        channel_id: text(channel_id),
        start: bound(start),
        end: bound(end),
    }
}

pub fn list_channels() -> ListChannels {
    ListChannels {
        request_id: 0,
        pool: text(""),
        cursor: first_page(),
    }
}

pub fn list_streams(pool: &str) -> ListStreams {
    ListStreams {
        request_id: 0,
        pool: text(pool),
        cursor: first_page(),
    }
}

pub fn is_share_seen(channel_id: &str, hashes: Vec<[u8; 32]>) -> Outcome<IsShareSeen> {
    let hashes = hashes.into_iter().map(Into::into).collect();
    Ok(IsShareSeen {
        request_id: 0,
        pool: text(""),
        channel_id: text(channel_id),
        share_hashes: Seq064KOwned::new(hashes)?,
    })
}

pub fn stored(page: &GetSharesSuccess) -> Outcome<Vec<StoredRecord>> {
    let entries = page.shares.iter();
    entries
        .map(|entry| StoredRecord::read(entry.as_bytes()))
        .collect()
}

/// All pages, from the first to the one behind which nothing is left.
pub fn all_shares(session: &mut Session, mut request: GetShares) -> Outcome<Vec<StoredRecord>> {
    let mut found = Vec::new();
    loop {
        let page = session.ask(request.clone())?;
        let records = stored(&page)?;
        ensure!(
            request.limit == 0 || records.len() <= request.limit as usize,
            "{} shares on a page of {}",
            records.len(),
            request.limit
        );
        found.extend(records);
        if page.next_cursor.is_empty() {
            return Ok(found);
        }
        request.cursor = page.next_cursor;
    }
}

pub fn sequences(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|record| record.sequence).collect()
}

/// The shares of a channel, a second apart, from `first` on.
pub fn timed_shares(channel_id: &str, numbers: RangeInclusive<u32>, first: u64) -> Vec<Vec<u8>> {
    let start = *numbers.start();
    numbers
        .map(|number| {
            let mut record = share(channel_id, number);
            record.timestamp = first + u64::from(number - start) * 1000;
            record.write()
        })
        .collect()
}
