//! The messages, structs and records of extension 0x5354 as its document declares them, in SRI's types: SRI's derive
//! reads and writes every one of them. What it has no type for is one thing, the bytes that follow a record's fields.

use binary_sv2::{
    B016MOwned, B032Owned, B064KOwned, B0255Owned, Deserialize, GetSize, PubKeyOwned, Seq064KOwned,
    Serialize, SignatureOwned, Str0255Owned, Sv2OptionOwned, U256Owned,
};

use crate::ensure;
use crate::sri::Frame;
use crate::tap::Outcome;

pub const STORAGE_EXTENSION: u16 = 0x5354;

pub const VOLATILE: u8 = 0;
pub const LOCAL: u8 = 1;

pub const MAX_FRAME: u32 = 1_048_576;
pub const MAX_RECORD: u32 = 524_288;

/// A struct of the document.
pub trait Struct: for<'a> Deserialize<'a> + Serialize + GetSize + Clone {
    /// Reads `bytes`, which must be this struct and nothing else: SRI writes them again as they were.
    fn read(bytes: &[u8]) -> Outcome<Self> {
        let mut copy = bytes.to_vec();
        let value = Self::from_bytes(&mut copy)?;
        let again = value.clone().write();
        ensure!(
            again == bytes,
            "{bytes:02x?} is read and written again as {again:02x?}"
        );
        Ok(value)
    }

    fn write(self) -> Vec<u8> {
        binary_sv2::to_bytes(self).expect("its size is known")
    }
}

impl<T: for<'a> Deserialize<'a> + Serialize + GetSize + Clone> Struct for T {}

pub trait Message: Struct {
    const TYPE: u8;
    const NAME: &'static str;
}

/// A message that is answered with `Success`, or with Error that has its request_id.
pub trait Request: Message {
    type Success: Message;
    fn request_id(&mut self) -> &mut u32;
    fn id_of(answer: &Self::Success) -> u32;
}

macro_rules! messages {
    ($($message:ident = $number:literal $name:literal)*) => {
        $(impl Message for $message {
            const TYPE: u8 = $number;
            const NAME: &'static str = $name;
        })*

        /// Reads the payload of the message that the document calls `name`.
        pub fn read_message(name: &str, payload: &[u8]) -> Outcome {
            match name {
                $($name => $message::read(payload).map(|_| ()),)*
                _ => Err(format!("there is no message {name}").into()),
            }
        }

        /// The payload is that of a message of the extension, and of nothing else.
        pub fn check_frame(frame: &Frame) -> Outcome {
            let header = frame.header;
            ensure!(header.ext_type() == STORAGE_EXTENSION && !header.channel_msg(), "{frame}");
            match header.msg_type() {
                $($number => $message::read(&frame.payload).map(|_| ()),)*
                _ => Err(format!("there is no such message: {frame}").into()),
            }
        }
    };
}

messages! {
    StorageError = 0x80 "Error"
    Authenticate = 0x81 "Authenticate"
    AuthenticateSuccess = 0x82 "Authenticate.Success"
    StoreRecords = 0x83 "StoreRecords"
    StoreSuccess = 0x84 "Store.Success"
    StoreStatus = 0x85 "StoreStatus"
    Ping = 0x86 "Ping"
    PingSuccess = 0x87 "Ping.Success"
    GetRecords = 0x90 "GetRecords"
    GetRecordsSuccess = 0x91 "GetRecords.Success"
    IsShareSeen = 0x92 "IsShareSeen"
    IsShareSeenSuccess = 0x93 "IsShareSeen.Success"
    GetAccounting = 0x94 "GetAccounting"
    GetAccountingSuccess = 0x95 "GetAccounting.Success"
    GetChannelStats = 0x96 "GetChannelStats"
    GetChannelStatsSuccess = 0x97 "GetChannelStats.Success"
    ListChannels = 0x98 "ListChannels"
    ListChannelsSuccess = 0x99 "ListChannels.Success"
    GetTotals = 0x9a "GetTotals"
    GetTotalsSuccess = 0x9b "GetTotals.Success"
    ListStreams = 0x9c "ListStreams"
    ListStreamsSuccess = 0x9d "ListStreams.Success"
    GetHealth = 0x9e "GetHealth"
    GetHealthSuccess = 0x9f "GetHealth.Success"
    GetBlocks = 0xa0 "GetBlocks"
    GetBlocksSuccess = 0xa1 "GetBlocks.Success"
    ListUsers = 0xa2 "ListUsers"
    ListUsersSuccess = 0xa3 "ListUsers.Success"
    GetHours = 0xa4 "GetHours"
    GetHoursSuccess = 0xa5 "GetHours.Success"
    ListDrift = 0xa6 "ListDrift"
    ListDriftSuccess = 0xa7 "ListDrift.Success"
    CleanupOldShares = 0xa8 "CleanupOldShares"
    CleanupOldSharesSuccess = 0xa9 "CleanupOldShares.Success"
}

macro_rules! requests {
    ($($request:ident -> $success:ident)*) => {
        $(impl Request for $request {
            type Success = $success;
            fn request_id(&mut self) -> &mut u32 {
                &mut self.request_id
            }
            fn id_of(answer: &$success) -> u32 {
                answer.request_id
            }
        })*
    };
}

requests! {
    GetRecords -> GetRecordsSuccess
    IsShareSeen -> IsShareSeenSuccess
    GetAccounting -> GetAccountingSuccess
    GetChannelStats -> GetChannelStatsSuccess
    ListChannels -> ListChannelsSuccess
    GetTotals -> GetTotalsSuccess
    ListStreams -> ListStreamsSuccess
    GetHealth -> GetHealthSuccess
    GetBlocks -> GetBlocksSuccess
    ListUsers -> ListUsersSuccess
    GetHours -> GetHoursSuccess
    ListDrift -> ListDriftSuccess
    CleanupOldShares -> CleanupOldSharesSuccess
}

/// A request whose answer is a page of a list.
pub trait List: Request {
    fn cursor(&mut self) -> &mut B0255Owned;
    fn next_cursor(page: &Self::Success) -> &B0255Owned;
    /// Each without its length.
    fn items(page: &Self::Success) -> Vec<Vec<u8>>;
}

macro_rules! lists {
    ($($request:ident: $success:ident.$items:ident)*) => {
        $(impl List for $request {
            fn cursor(&mut self) -> &mut B0255Owned {
                &mut self.cursor
            }
            fn next_cursor(page: &$success) -> &B0255Owned {
                &page.next_cursor
            }
            fn items(page: &$success) -> Vec<Vec<u8>> {
                page.$items.iter().map(|item| item.as_bytes().to_vec()).collect()
            }
        })*
    };
}

lists! {
    GetRecords: GetRecordsSuccess.records
    ListChannels: ListChannelsSuccess.channels
    ListStreams: ListStreamsSuccess.streams
    GetBlocks: GetBlocksSuccess.blocks
    ListUsers: ListUsersSuccess.users
    GetHours: GetHoursSuccess.hours
    ListDrift: ListDriftSuccess.channels
}

macro_rules! read_by_name {
    ($(#[$about:meta])* $function:ident: $($name:ident)*) => {
        $(#[$about])*
        pub fn $function(name: &str, bytes: &[u8]) -> Outcome {
            match name {
                $(stringify!($name) => $name::read(bytes).map(|_| ()),)*
                _ => Err(format!("there is no {name}").into()),
            }
        }
    };
}

read_by_name! {
    /// Reads the struct that the document calls `name`.
    read_struct: VerdictEntry AcknowledgmentOutcome BlockFoundOutcome FailedOutcome RejectCount
        StoredRecord Totals StreamState FoundBlock HourTotals ChannelDrift
}

macro_rules! records {
    ($($record:ident = $number:literal)*) => {
        $(impl Record for $record {
            const KIND: u8 = $number;
        })*

        /// Reads the fields of the record kind that the document calls `name`. TLV fields may follow them.
        pub fn read_record(name: &str, bytes: &[u8]) -> Outcome {
            match name {
                $(stringify!($record) => $record::read_before_tail(bytes).map(|_| ()),)*
                _ => Err(format!("there is no record {name}").into()),
            }
        }
    };
}

records! {
    Share = 1
    ShareAccounting = 2
    Block = 3
    BlockStatus = 4
    BatchAcknowledgment = 5
    DeclaredJob = 6
    Solution = 7
    AccountingDeleted = 8
}

/// Error. SRI's derive leaves a struct no way to have that name.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StorageError {
    pub request_id: u32,
    pub code: Str0255Owned,
    pub detail: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Authenticate {
    pub min_version: u16,
    pub max_version: u16,
    pub client_public_key: PubKeyOwned,
    pub roles: u32,
    pub stream_id: u64,
    pub dataset_id: u64,
    pub generation: u32,
    pub last_acknowledged: u64,
    pub signature: SignatureOwned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AuthenticateSuccess {
    pub version: u16,
    pub permissions: u32,
    pub durability: u8,
    pub dataset_id: u64,
    pub generation: u32,
    pub durable_sequence: u64,
    pub max_frame: u32,
    pub max_record: u32,
    pub max_in_flight: u32,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StoreRecords {
    pub first_sequence: u64,
    pub records: Seq064KOwned<B016MOwned>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StoreSuccess {
    pub durable_sequence: u64,
    pub verdicts: Seq064KOwned<B0255Owned>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct VerdictEntry {
    pub sequence: u64,
    pub code: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StoreStatus {
    pub is_available: bool,
    pub code: Str0255Owned,
    pub detail: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Ping {
    pub nonce: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct PingSuccess {
    pub nonce: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetRecords {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
    pub limit: u32,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetRecordsSuccess {
    pub request_id: u32,
    pub records: Seq064KOwned<B016MOwned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StoredRecord {
    pub position: u64,
    pub received_at: u64,
    pub identity: Str0255Owned,
    pub stream_id: u64,
    pub sequence: u64,
    pub verdict: Str0255Owned,
    pub record: B016MOwned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct IsShareSeen {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub channel_id: Str0255Owned,
    pub share_hashes: Seq064KOwned<U256Owned>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct IsShareSeenSuccess {
    pub request_id: u32,
    pub seen: Seq064KOwned<bool>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetAccounting {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub channel_id: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetAccountingSuccess {
    pub request_id: u32,
    pub derived: B0255Owned,
    pub reported: B016MOwned,
    pub derived_before: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Totals {
    pub shares_accepted: u64,
    pub shares_rejected: u64,
    pub shares_duplicate: u64,
    pub shares_above_target: u64,
    pub share_work_sum_low: u64,
    pub share_work_sum_high: u64,
    pub expected_hashes_low: u64,
    pub expected_hashes_high: u64,
    pub blocks_found: u64,
    pub best_difficulty: u64,
    pub last_sequence_number: u32,
    pub first_share_timestamp: Sv2OptionOwned<u64>,
    pub last_share_timestamp: Sv2OptionOwned<u64>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetChannelStats {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub channel_id: Str0255Owned,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetChannelStatsSuccess {
    pub request_id: u32,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
    pub totals: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListChannels {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListChannelsSuccess {
    pub request_id: u32,
    pub channels: Seq064KOwned<Str0255Owned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetTotals {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetTotalsSuccess {
    pub request_id: u32,
    pub position: u64,
    pub channels: u64,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
    pub totals: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListStreams {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListStreamsSuccess {
    pub request_id: u32,
    pub streams: Seq064KOwned<B064KOwned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct StreamState {
    pub identity: Str0255Owned,
    pub stream_id: u64,
    pub epoch: u64,
    pub durable_sequence: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetHealth {
    pub request_id: u32,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetHealthSuccess {
    pub request_id: u32,
    pub is_healthy: bool,
    pub backend_type: Str0255Owned,
    pub connection_status: Str0255Owned,
    pub durability: u8,
    pub last_operation_timestamp: Sv2OptionOwned<u64>,
    pub error_message: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetBlocks {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub channel_id: Str0255Owned,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
    pub limit: u32,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetBlocksSuccess {
    pub request_id: u32,
    pub blocks: Seq064KOwned<B016MOwned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct FoundBlock {
    pub status: u8,
    pub status_timestamp: Sv2OptionOwned<u64>,
    pub record: B016MOwned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListUsers {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListUsersSuccess {
    pub request_id: u32,
    pub users: Seq064KOwned<Str0255Owned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetHours {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub subject: u8,
    pub subject_id: Str0255Owned,
    pub start: Sv2OptionOwned<u64>,
    pub end: Sv2OptionOwned<u64>,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct GetHoursSuccess {
    pub request_id: u32,
    pub hours: Seq064KOwned<B0255Owned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct HourTotals {
    pub start: u64,
    pub totals: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListDrift {
    pub request_id: u32,
    pub pool: Str0255Owned,
    pub cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ListDriftSuccess {
    pub request_id: u32,
    pub channels: Seq064KOwned<B016MOwned>,
    pub next_cursor: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ChannelDrift {
    pub channel_id: Str0255Owned,
    pub reported: B016MOwned,
    pub derived_before: B0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct CleanupOldShares {
    pub request_id: u32,
    pub older_than: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct CleanupOldSharesSuccess {
    pub request_id: u32,
    pub removed_shares: u64,
}

/// The fields of a record. Its bytes go on with TLV fields, up to the record's end.
pub trait Record: Struct {
    const KIND: u8;

    fn read_before_tail(bytes: &[u8]) -> Outcome<Self> {
        ensure!(
            bytes.first() == Some(&Self::KIND),
            "{bytes:02x?} is not of kind {}",
            Self::KIND
        );
        let mut copy = bytes.to_vec();
        let value = Self::from_bytes(&mut copy)?;
        let again = value.clone().write();
        ensure!(
            bytes.starts_with(&again),
            "{bytes:02x?} is read and written again as {again:02x?}"
        );
        Ok(value)
    }
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Share {
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub sequence_number: u32,
    pub share_hash: U256Owned,
    pub target: U256Owned,
    pub share_work: u64,
    pub difficulty: u64,
    pub timestamp: u64,
    pub accepted: u8,
    pub outcome: u8,
    pub outcome_data: B064KOwned,
    pub user_identity: Str0255Owned,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AcknowledgmentOutcome {
    pub last_sequence_number: u32,
    pub new_submits_accepted_count: u32,
    pub new_shares_sum: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct BlockFoundOutcome {
    pub template_id: Sv2OptionOwned<u64>,
    pub coinbase: B064KOwned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct FailedOutcome {
    pub error_code: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct ShareAccounting {
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub last_share_sequence_number: u32,
    pub shares_accepted: u64,
    pub share_work_sum: u64,
    pub best_difficulty: u64,
    pub blocks_found: u64,
    pub rejects: Seq064KOwned<B064KOwned>,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct RejectCount {
    pub error_code: Str0255Owned,
    pub count: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Block {
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub share_hash: U256Owned,
    pub template_id: Sv2OptionOwned<u64>,
    pub coinbase: B064KOwned,
    pub difficulty: u64,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct BlockStatus {
    pub kind: u8,
    pub share_hash: U256Owned,
    pub status: u8,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct BatchAcknowledgment {
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub last_sequence_number: u32,
    pub new_submits_accepted_count: u32,
    pub new_shares_sum: u64,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct DeclaredJob {
    pub kind: u8,
    pub mining_job_token: B0255Owned,
    pub new_mining_job_token: B0255Owned,
    pub user_identity: Str0255Owned,
    pub accepted: u8,
    pub error_code: Str0255Owned,
    pub version: u32,
    pub coinbase_tx_prefix: B064KOwned,
    pub coinbase_tx_suffix: B064KOwned,
    pub wtxid_list: Seq064KOwned<U256Owned>,
    pub excess_data: B064KOwned,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Solution {
    pub kind: u8,
    pub mining_job_token: B0255Owned,
    pub share_hash: U256Owned,
    pub extranonce: B032Owned,
    pub prev_hash: U256Owned,
    pub nonce: u32,
    pub ntime: u32,
    pub nbits: u32,
    pub version: u32,
    pub timestamp: u64,
    pub label: Str0255Owned,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AccountingDeleted {
    pub kind: u8,
    pub channel_id: Str0255Owned,
    pub timestamp: u64,
    pub label: Str0255Owned,
}
