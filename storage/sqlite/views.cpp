#include "storage/sqlite/views.hpp"

#include <string_view>

namespace storage::sqlite {

namespace {

// The comments are for the reader of `.schema`; what stands in braces is replaced. An index serves a filter on a view's
// column if it has the very expression that the view shows. An index of shares' timestamps would make each share cost
// one more insertion: those with a timestamp that is believed, nearly all, are found by their time instead.
constexpr std::string_view text = R"(
CREATE INDEX misdated_shares ON shares (channel, timestamp / 1000) WHERE timestamp <> time;
CREATE INDEX blocks_by_timestamp ON blocks (channel, timestamp / 1000);
CREATE INDEX acknowledgments_by_timestamp ON acknowledgments (channel, timestamp / 1000);
CREATE INDEX blocks_by_hash ON blocks (share_hash);
CREATE INDEX shares_with_block_by_timestamp ON shares (channel, timestamp / 1000) WHERE outcome = 3;
CREATE INDEX shares_with_block_by_hash ON shares (share_hash) WHERE outcome = 3;
CREATE INDEX reports_by_channel ON reports (channel);
CREATE INDEX deletions_by_channel ON deletions (channel);

-- Not measured, but chosen so that for a time alone these indexes are searched, channel after channel. A filter that
-- leaves out little is answered sooner without, with +timestamp in the place of timestamp.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 VALUES
    ('shares', 'shares_by_time', '10000000 1000000 60 1'),
    ('shares', 'misdated_shares', '100000 10000 1'),
    ('shares', 'shares_with_block_by_timestamp', '100000 10000 1'),
    ('blocks', 'blocks_by_timestamp', '100000 10000 1'),
    ('acknowledgments', 'acknowledgments_by_timestamp', '1000000 100000 1');

CREATE VIEW share_records ( -- in all views: hashes as displayed, times in seconds, integers from 2^63 on as text
    id, channel_id, share_hash, sequence_number, share_work, difficulty, timestamp, accepted, validation_result
) AS -- those that count: duplicates, and shares above their target, are in the table alone
SELECT
    CASE label WHEN '' THEN channel_id || '_' || sequence_number ELSE label END,
    channel_id,
    {hash},
    sequence_number,
    {share_work},
    difficulty,
    seconds,
    accepted,
    CASE outcome
        WHEN 1 THEN 'Valid'
        WHEN 2 THEN 'ValidWithAcknowledgement'
        WHEN 3 THEN 'BlockFound'
        WHEN 4 THEN 'Failed: ' || CAST(substr(outcome_data, 2) AS TEXT)
    END
FROM ( -- apart, so that both are found by an index
    SELECT c.channel_id, s.*, s.time / 1000 AS seconds
    FROM shares AS s JOIN channels AS c ON c.number = s.channel
    WHERE s.verdict = 0 AND (s.outcome = 3 OR s.position > (SELECT removed FROM head)) AND s.timestamp = s.time
    UNION ALL
    SELECT c.channel_id, s.*, s.timestamp / 1000
    FROM shares AS s JOIN channels AS c ON c.number = s.channel
    WHERE s.verdict = 0 AND (s.outcome = 3 OR s.position > (SELECT removed FROM head)) AND s.timestamp <> s.time);

CREATE VIEW block_records (
    id, channel_id, share_hash, template_id, coinbase, difficulty, timestamp
) AS -- one for each hash in a pool: of its first record, else of the share that found it
SELECT CASE label WHEN '' THEN channel_id || '_' || hash ELSE label END,
    channel_id, hash, template_id, coinbase, difficulty, timestamp
FROM (SELECT *, {hash} AS hash FROM (
    SELECT
        c.channel_id,
        b.share_hash,
        {b.template_id} AS template_id,
        b.coinbase,
        b.difficulty,
        b.timestamp / 1000 AS timestamp,
        b.label
    FROM blocks AS b JOIN channels AS c ON c.number = b.channel
    WHERE b.verdict = 0 AND NOT EXISTS (
        SELECT 1 FROM blocks AS o JOIN channels AS oc ON oc.number = o.channel
        WHERE o.share_hash = b.share_hash AND o.verdict = 0 AND o.position < b.position AND oc.pool = c.pool)
    UNION ALL
    SELECT
        c.channel_id,
        s.share_hash,
        CASE substr(s.outcome_data, 1, 1) WHEN x'01' THEN ( -- 8 bytes, the lowest first
            WITH bytes (i) AS (VALUES (1), (2), (3), (4), (5), (6), (7), (8)),
            number (n) AS (
                SELECT sum((16 * instr('123456789ABCDEF', substr(digits, 2 * i - 1, 1))
                    + instr('123456789ABCDEF', substr(digits, 2 * i, 1))) << (8 * i - 8))
                FROM bytes, (SELECT hex(substr(s.outcome_data, 2, 8)) AS digits))
            SELECT {n} FROM number)
        END,
        substr(s.outcome_data, CASE substr(s.outcome_data, 1, 1) WHEN x'01' THEN 12 ELSE 4 END),
        s.difficulty,
        s.timestamp / 1000,
        s.label
    FROM shares AS s JOIN channels AS c ON c.number = s.channel
    WHERE s.outcome = 3 AND s.verdict = 0 AND NOT EXISTS (
        SELECT 1 FROM blocks AS o JOIN channels AS oc ON oc.number = o.channel
        WHERE o.share_hash = s.share_hash AND o.verdict = 0 AND oc.pool = c.pool)
    AND NOT EXISTS (
        SELECT 1 FROM shares AS o JOIN channels AS oc ON oc.number = o.channel
        WHERE o.outcome = 3 AND o.share_hash = s.share_hash AND o.verdict = 0 AND o.position < s.position
        AND oc.pool = c.pool)));

CREATE VIEW batch_acknowledgments (
    id, channel_id, last_sequence_number, new_submits_accepted_count, new_shares_sum, timestamp
) AS
SELECT
    CASE a.label WHEN '' THEN c.channel_id || '_' || a.last_sequence_number ELSE a.label END,
    c.channel_id,
    a.last_sequence_number,
    a.new_submits_accepted_count,
    {a.new_shares_sum},
    a.timestamp / 1000
FROM acknowledgments AS a JOIN channels AS c ON c.number = a.channel
WHERE a.verdict = 0 AND +a.position > (SELECT removed FROM head); -- +: no search by what nearly all fulfil

CREATE VIEW share_accounting (
    channel_id, last_share_sequence_number, shares_accepted, share_work_sum, best_diff, last_updated, source
) AS -- the pool's last report that is not deleted, else what the shares add up to: hours of all runs, and shares behind
WITH tail AS (
    SELECT
        channel,
        max(printf('%020d%d', position, sequence_number)) AS newest,
        sum(accepted) AS shares_accepted,
        sum(iif(accepted, share_work & 0xffffffff, 0)) AS a0,
        sum(iif(accepted, (share_work >> 32) & 0xffffffff, 0)) AS a1,
        max(iif(accepted, difficulty, 0.0)) AS best_diff,
        max(time) AS last_time
    FROM shares NOT INDEXED -- by position, of which there are few
    WHERE position > (SELECT ifnull(max(last_position), 0) FROM runs) AND verdict = 0
    GROUP BY channel),
sums AS ( -- of work in parts of 32 bits, each of which may have grown over 32
    SELECT
        c.channel_id,
        max(max(printf('%020d%d', h.newest_share, h.last_sequence_number)), ifnull(t.newest, '')) AS newest,
        ifnull(sum(h.shares_accepted), 0) + ifnull(t.shares_accepted, 0) AS shares_accepted,
        ifnull(sum(h.share_work_sum_low & 0xffffffff), 0) + ifnull(t.a0, 0) AS a0,
        ifnull(sum((h.share_work_sum_low >> 32) & 0xffffffff), 0) + ifnull(t.a1, 0) AS a1,
        ifnull(sum(h.share_work_sum_high & 0xffffffff), 0) AS a2,
        ifnull(sum((h.share_work_sum_high >> 32) & 0xffffffff), 0) AS a3,
        max(ifnull(max(h.best_difficulty), 0.0), ifnull(t.best_diff, 0.0)) AS best_diff,
        nullif(max(ifnull(max(h.last_share_timestamp), -1), ifnull(t.last_time, -1)), -1) AS last_time
    FROM channels AS c LEFT JOIN tail AS t ON t.channel = c.number
        LEFT JOIN hours AS h ON h.subject = 1 AND h.number = c.number
    WHERE c.channel_id <> '' AND {last report of c} IS NULL
    GROUP BY c.channel_id, c.number),
parts AS ( -- of 32 bits each, but what has grown over 128
    SELECT
        *,
        a0 & 0xffffffff AS b0,
        (a1 + (a0 >> 32)) & 0xffffffff AS b1,
        (a2 + ((a1 + (a0 >> 32)) >> 32)) & 0xffffffff AS b2,
        a3 + ((a2 + ((a1 + (a0 >> 32)) >> 32)) >> 32) AS b3
    FROM sums),
-- 2^32 = 4 294967296, 2^64 = 18 446744073 709551616, 2^96 = 79 228162514 264337593 543950336
d0 AS (SELECT *, b0 + 294967296 * b1 + 709551616 * b2 + 543950336 * b3 AS n0 FROM parts),
d1 AS (SELECT *, 4 * b1 + 446744073 * b2 + 264337593 * b3 + n0 / 1000000000 AS n1 FROM d0),
d2 AS (SELECT *, 18 * b2 + 228162514 * b3 + n1 / 1000000000 AS n2 FROM d1),
d3 AS (SELECT *, 79 * b3 + n2 / 1000000000 AS n3 FROM d2)
SELECT
    c.channel_id,
    r.last_share_sequence_number,
    {r.shares_accepted},
    {r.share_work_sum},
    r.best_difficulty,
    r.timestamp / 1000,
    'reported'
FROM channels AS c JOIN reports AS r ON r.position = {last report of c}
UNION ALL
SELECT
    channel_id,
    CAST(substr(newest, 21) AS INTEGER),
    shares_accepted,
    CASE
        WHEN b3 > 0xffffffff THEN '340282366920938463463374607431768211455'
        WHEN b3 = 0 AND b2 = 0 AND b1 < 0x80000000 THEN (b1 << 32) + b0
        ELSE ltrim(printf('%d%09d%09d%09d%09d', n3 / 1000000000, n3 % 1000000000, n2 % 1000000000,
            n1 % 1000000000, n0 % 1000000000), '0')
    END,
    best_diff,
    last_time / 1000,
    'derived'
FROM d3;
)";

// As it is displayed: hexadecimal, the last byte first. The column is empty for 0.
std::string hash() {
    std::string sql = "substr(printf('%064d', 0) || lower(''";
    for (int byte = 32; byte > 0; --byte) {
        sql += byte % 4 == 0 ? "\n        || " : " || ";
        sql.append("hex(substr(share_hash, ").append(std::to_string(byte)).append(", 1))");
    }
    return sql += "), -64)";
}

// Of the column of a U64, which holds it in two's complement.
std::string unsigned_of(std::string_view column) {
    std::string sql = "CASE WHEN ";
    sql.append(column).append(" >= 0 THEN ").append(column).append(" WHEN ").append(column);
    return sql.append(" < 0 THEN printf('%u', ").append(column).append(") END");
}

constexpr std::string_view last_report = R"((
        SELECT max(position) FROM reports WHERE channel = c.number AND position > ifnull(
            (SELECT max(position) FROM deletions WHERE channel = c.number), 0)))";

std::string replacement_of(std::string_view name) {
    if (name == "hash") return hash();
    if (name == "last report of c") return std::string{last_report};
    return unsigned_of(name);
}

} // namespace

std::string views() {
    std::string sql;
    std::string_view rest = text;
    for (std::size_t begin = rest.find('{'); begin != std::string_view::npos; begin = rest.find('{')) {
        const std::size_t end = rest.find('}', begin);
        sql.append(rest.substr(0, begin)).append(replacement_of(rest.substr(begin + 1, end - begin - 1)));
        rest.remove_prefix(end + 1);
    }
    return sql.append(rest);
}

} // namespace storage::sqlite
