//! The requests that most cases make, and their answers as far as several cases look into them.

use std::ops::RangeInclusive;

use binary_sv2::{B0255Owned, Seq064KOwned};

use crate::cases::world::{bound, share};
use crate::client::Session;
use crate::ensure;
use crate::extension::{
    ChannelDrift, FoundBlock, GetAccounting, GetBlocks, GetChannelStats, GetHours, GetRecords,
    GetRecordsSuccess, HourTotals, IsShareSeen, List, ListChannels, ListDrift, ListStreams,
    ListUsers, StoredRecord, Struct, Totals,
};
use crate::messages::text;
use crate::tap::Outcome;

/// What a page holds unless a single item is larger.
pub const PAGE: usize = 65_536;

pub fn get_shares(channel_id: &str, limit: u32) -> GetRecords {
    get_records(1, channel_id, limit)
}

pub fn get_records(kind: u8, channel_id: &str, limit: u32) -> GetRecords {
    GetRecords {
        request_id: 0,
        pool: text(""),
        kind,
        channel_id: text(channel_id),
        start: bound(None),
        end: bound(None),
        limit,
        cursor: first_page(),
    }
}

pub fn get_blocks(channel_id: &str, limit: u32) -> GetBlocks {
    GetBlocks {
        request_id: 0,
        pool: text(""),
        channel_id: text(channel_id),
        start: bound(None),
        end: bound(None),
        limit,
        cursor: first_page(),
    }
}

pub const OF_CHANNEL: u8 = 1;
pub const OF_USER: u8 = 2;

pub fn get_hours(subject: u8, subject_id: &str) -> GetHours {
    GetHours {
        request_id: 0,
        pool: text(""),
        subject,
        subject_id: text(subject_id),
        start: bound(None),
        end: bound(None),
        cursor: first_page(),
    }
}

pub fn list_users() -> ListUsers {
    ListUsers {
        request_id: 0,
        pool: text(""),
        cursor: first_page(),
    }
}

pub fn list_drift() -> ListDrift {
    ListDrift {
        request_id: 0,
        pool: text(""),
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

pub fn stored(page: &GetRecordsSuccess) -> Outcome<Vec<StoredRecord>> {
    let entries = page.records.iter();
    entries
        .map(|entry| StoredRecord::read(entry.as_bytes()))
        .collect()
}

/// What is on the pages, page by page, from that of the request to the one behind which nothing is left.
pub fn pages<R: List>(session: &mut Session, mut request: R) -> Outcome<Vec<Vec<Vec<u8>>>> {
    let mut found = Vec::new();
    loop {
        let page = session.ask(request.clone())?;
        let items = R::items(&page);
        let size = page.clone().write().len();
        ensure!(
            size <= PAGE || items.len() == 1,
            "a page of {} with {} items has {size} bytes",
            R::NAME,
            items.len()
        );
        found.push(items);
        if R::next_cursor(&page).is_empty() {
            return Ok(found);
        }
        *request.cursor() = R::next_cursor(&page).clone();
    }
}

/// The items of all pages, none of which has more than `limit` unless that is 0.
fn limited<R: List, T: Struct>(session: &mut Session, request: R, limit: u32) -> Outcome<Vec<T>> {
    let pages = pages(session, request)?;
    let largest = pages.iter().map(Vec::len).max().unwrap_or(0);
    ensure!(
        limit == 0 || largest <= limit as usize,
        "{largest} items on a page of {limit}"
    );
    let items = pages.iter().flatten();
    items.map(|item| T::read(item)).collect()
}

pub fn all_records(session: &mut Session, request: GetRecords) -> Outcome<Vec<StoredRecord>> {
    let limit = request.limit;
    limited(session, request, limit)
}

pub fn all_blocks(session: &mut Session, request: GetBlocks) -> Outcome<Vec<FoundBlock>> {
    let limit = request.limit;
    limited(session, request, limit)
}

/// The first milliseconds of the hours, and their totals.
pub fn all_hours(session: &mut Session, request: GetHours) -> Outcome<Vec<(u64, Totals)>> {
    let hours: Vec<HourTotals> = limited(session, request, 0)?;
    let hours = hours.iter();
    hours
        .map(|hour| Ok((hour.start, Totals::read(hour.totals.as_bytes())?)))
        .collect()
}

pub fn all_drift(session: &mut Session, request: ListDrift) -> Outcome<Vec<ChannelDrift>> {
    limited(session, request, 0)
}

/// Names, where the items are that.
pub fn all_names<R: List>(session: &mut Session, request: R) -> Outcome<Vec<String>> {
    let pages = pages(session, request)?;
    let names = pages.into_iter().flatten();
    names.map(|name| Ok(String::from_utf8(name)?)).collect()
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
