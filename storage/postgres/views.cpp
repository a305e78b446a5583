#include "storage/postgres/views.hpp"

#include <string_view>

namespace storage::postgres {

namespace {

// An index serves a filter on a view's column if it has the very expression that the view shows. An index of shares'
// timestamps would make each share cost one more insertion: those with a timestamp that is believed, nearly all, are
// found by their time instead. PostgreSQL puts the bodies of these functions in the place of their calls.
constexpr std::string_view text = R"(
CREATE FUNCTION displayed(hash bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$SELECT lpad((SELECT coalesce(string_agg(encode(substr(hash, byte, 1), 'hex'), '' ORDER BY byte DESC), '')
    FROM generate_series(1, length(hash)) AS byte), 64, '0')$$;
COMMENT ON FUNCTION displayed IS 'a hash in hexadecimal, the last byte first; the column is empty for 0';
CREATE FUNCTION unsigned(number bigint) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$SELECT CASE WHEN number < 0 THEN number + 18446744073709551616 ELSE number END$$;
COMMENT ON FUNCTION unsigned IS 'of 64 bits that are kept in two''s complement';
CREATE FUNCTION last_report(of_channel integer) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$SELECT max(r.position) FROM reports AS r WHERE r.channel = of_channel AND r.position > coalesce(
    (SELECT max(d.position) FROM deletions AS d WHERE d.channel = of_channel), 0)$$;
COMMENT ON FUNCTION last_report IS 'the position of the channel''s last one that is not deleted';

CREATE INDEX misdated_shares ON shares (channel, (timestamp / 1000)) WHERE timestamp <> time;
CREATE INDEX shares_with_block ON shares (share_hash) WHERE outcome = 3;
CREATE INDEX blocks_by_timestamp ON blocks (channel, (timestamp / 1000));
CREATE INDEX blocks_by_hash ON blocks (share_hash);
CREATE INDEX acknowledgments_by_timestamp ON acknowledgments (channel, (timestamp / 1000));
CREATE INDEX reports_by_channel ON reports (channel, position);
CREATE INDEX deletions_by_channel ON deletions (channel, position);

CREATE VIEW share_records (
    id, channel_id, share_hash, sequence_number, share_work, difficulty, timestamp, accepted, validation_result
) AS
SELECT
    CASE label WHEN '' THEN channel_id || '_' || sequence_number ELSE label END,
    channel_id,
    displayed(share_hash),
    sequence_number,
    unsigned(share_work),
    difficulty,
    seconds,
    accepted,
    CASE outcome
        WHEN 1 THEN 'Valid'
        WHEN 2 THEN 'ValidWithAcknowledgement'
        WHEN 3 THEN 'BlockFound'
        WHEN 4 THEN 'Failed: ' || convert_from(substr(outcome_data, 2), 'UTF8')
    END
FROM ( -- apart, so that both are found by an index
    SELECT c.channel_id, s.*, s.time / 1000 AS seconds
    FROM shares AS s JOIN channels AS c ON c.number = s.channel
    WHERE s.verdict = 0 AND (s.outcome = 3 OR s.position > (SELECT removed FROM head)) AND s.timestamp = s.time
    UNION ALL
    SELECT c.channel_id, s.*, s.timestamp / 1000
    FROM shares AS s JOIN channels AS c ON c.number = s.channel
    WHERE s.verdict = 0 AND (s.outcome = 3 OR s.position > (SELECT removed FROM head)) AND s.timestamp <> s.time
) AS counting;
COMMENT ON VIEW share_records IS 'those that count: duplicates, and shares above their target, are in the table alone';

CREATE VIEW block_records (
    id, channel_id, share_hash, template_id, coinbase, difficulty, timestamp
) AS
SELECT CASE label WHEN '' THEN channel_id || '_' || displayed(share_hash) ELSE label END,
    channel_id, displayed(share_hash), template_id, coinbase, difficulty, timestamp
FROM (
    SELECT
        c.channel_id,
        b.share_hash,
        unsigned(b.template_id) AS template_id,
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
        CASE get_byte(s.outcome_data, 0) WHEN 1 THEN ( -- 8 bytes, the lowest first
            SELECT trunc(sum(get_byte(s.outcome_data, byte) * power(256::numeric, byte - 1)))
            FROM generate_series(1, 8) AS byte)
        END,
        substr(s.outcome_data, CASE get_byte(s.outcome_data, 0) WHEN 1 THEN 12 ELSE 4 END),
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
        AND oc.pool = c.pool)) AS found;
COMMENT ON VIEW block_records IS 'one for each hash in a pool: of its first record, else of the share that found it';

CREATE VIEW batch_acknowledgments (
    id, channel_id, last_sequence_number, new_submits_accepted_count, new_shares_sum, timestamp
) AS
SELECT
    CASE a.label WHEN '' THEN c.channel_id || '_' || a.last_sequence_number ELSE a.label END,
    c.channel_id,
    a.last_sequence_number,
    a.new_submits_accepted_count,
    unsigned(a.new_shares_sum),
    a.timestamp / 1000
FROM acknowledgments AS a JOIN channels AS c ON c.number = a.channel
WHERE a.verdict = 0 AND a.position > (SELECT removed FROM head);

CREATE VIEW share_accounting (
    channel_id, last_share_sequence_number, shares_accepted, share_work_sum, best_diff, last_updated, source
) AS
SELECT
    c.channel_id,
    r.last_share_sequence_number,
    unsigned(r.shares_accepted),
    unsigned(r.share_work_sum),
    r.best_difficulty,
    r.timestamp / 1000,
    'reported'
FROM channels AS c JOIN reports AS r ON r.position = last_report(c.number)
UNION ALL
SELECT
    c.channel_id,
    coalesce((array_agg(p.sequence_number ORDER BY p.newest DESC NULLS LAST))[1], 0),
    coalesce(sum(p.accepted), 0),
    least(coalesce(sum(p.work), 0), 340282366920938463463374607431768211455),
    coalesce(max(p.best_diff), 0),
    max(p.last_time) / 1000,
    'derived'
FROM channels AS c LEFT JOIN ( -- parts: hours of all runs, and the shares behind, of which there are few
    SELECT
        h.number AS channel,
        h.newest_share AS newest,
        h.last_sequence_number AS sequence_number,
        unsigned(h.shares_accepted) AS accepted,
        unsigned(h.share_work_sum_high) * 18446744073709551616 + unsigned(h.share_work_sum_low) AS work,
        h.best_difficulty AS best_diff,
        h.last_share_timestamp AS last_time
    FROM hours AS h
    WHERE h.subject = 1
    UNION ALL
    SELECT
        s.channel,
        s.position,
        s.sequence_number,
        s.accepted,
        CASE s.accepted WHEN 1 THEN unsigned(s.share_work) END,
        CASE s.accepted WHEN 1 THEN s.difficulty END,
        s.time
    FROM shares AS s
    WHERE s.position > (SELECT coalesce(max(last_position), 0) FROM runs) AND s.verdict = 0
) AS p ON p.channel = c.number
WHERE c.channel_id <> '' AND last_report(c.number) IS NULL
GROUP BY c.number, c.channel_id;
COMMENT ON VIEW share_accounting IS
    'the pool''s last report that is not deleted, else what the shares add up to';
)";

} // namespace

std::string views() {
    return std::string{text};
}

} // namespace storage::postgres
