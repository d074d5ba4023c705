// Charts: what stands in the tables as of the last finished batch, and what the journal still
// holds.
#include <algorithm>

#include "lake/delta_lake.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;
using sensing::Summary;

constexpr std::size_t kMaxBuckets = 10'000;

struct Bucket {
  Summary summary;
  base::TimeUs from = INT64_MAX;  // of the earliest row
  base::DurationUs span = 0;      // of the longest row; 0: an observation
};
using Buckets = std::map<std::int64_t, Bucket>;

struct Question {
  std::string_view site, datastream;
  base::TimeUs from, to;
  base::DurationUs width;
  std::int64_t bucket(base::TimeUs time) const { return (time - from) / width; }
  bool asks(base::TimeUs time) const { return time >= from && time < to; }
};

std::string file_list(const std::vector<std::string>& files) {
  std::string out = "read_parquet([";
  for (const std::string& file : files) out += (out.back() == '[' ? "" : ",") + sql_literal(file);
  return out + "])";
}

std::string where(const Question& question) {
  return " WHERE site = " + sql_literal(question.site) +
         " AND datastream = " + sql_literal(question.datastream) +
         " AND time >= make_timestamptz(" + std::to_string(question.from) +
         "::BIGINT) AND time < make_timestamptz(" + std::to_string(question.to) + "::BIGINT)";
}

std::string bucket_of(const Question& question) {
  return "(epoch_us(time) - (" + std::to_string(question.from) + ")) // " +
         std::to_string(question.width);
}

std::string observation_sql(const Question& question, const std::vector<std::string>& files) {
  const std::string good = " FILTER (quality < 1073741824 AND isfinite(value))";
  return "SELECT " + bucket_of(question) + " AS bucket, count(*)" + good + ", count(*) - count(*)" +
         good + ", min(value)" + good + ", max(value)" + good + ", sum(value)" + good +
         ", min(epoch_us(time)), 0::BIGINT FROM " + file_list(files) + where(question) +
         " AND value IS NOT NULL GROUP BY bucket";
}

std::string summary_sql(const Question& question, const std::vector<std::string>& files) {
  return "SELECT " + bucket_of(question) +
         " AS bucket, sum(good_count)::BIGINT, sum(other_count)::BIGINT, min(min_value), "
         "max(max_value), sum(sum_value), min(epoch_us(time)), max(span_us) FROM " +
         file_list(files) + where(question) + " GROUP BY bucket";
}

base::Status add_rows(Session& session, const std::string& sql, Buckets& buckets) {
  LANDER_ASSIGN(const auto rows, session.query(sql));
  const auto integer = [](const Value& value) {
    const auto* number = std::get_if<std::int64_t>(&value);
    return number ? *number : std::int64_t{0};
  };
  const auto real = [](const Value& value) {
    const auto* number = std::get_if<double>(&value);
    return number ? *number : 0.0;
  };
  for (const auto& row : rows) {
    Bucket& bucket = buckets[integer(row[0])];
    Summary part;
    part.count = integer(row[1]);
    part.others = integer(row[2]);
    part.least = real(row[3]);
    part.most = real(row[4]);
    part.sum = real(row[5]);
    bucket.summary.add(part);
    bucket.from = std::min(bucket.from, integer(row[6]));
    bucket.span = std::max(bucket.span, integer(row[7]));
  }
  return {};
}

void add_block(const Question& question, const link::SeriesBlock& series, Buckets& buckets) {
  const auto block = sensing::decode_block(series.block);
  if (!block.ok() || !sensing::is_numeric(block->kind)) return;
  for (std::size_t i = 0; i < block->size(); ++i) {
    const auto time = utc_of(block->times[i], series.utc_offset);
    if (!time || !question.asks(*time)) continue;
    Bucket& bucket = buckets[question.bucket(*time)];
    double value = 0;
    if (block->kind == sensing::Kind::kNumber) value = block->numbers[i];
    if (block->kind == sensing::Kind::kInteger) value = static_cast<double>(block->integers[i]);
    if (block->kind == sensing::Kind::kBoolean) value = block->booleans[i];
    bucket.summary.add(value, block->qualities[i]);
    bucket.from = std::min(bucket.from, *time);
  }
}

// Bodies decoded when they were taken; one that does not now is parked and told by the next flush.
void add_waiting(const Question& question, const std::vector<base::Bytes>& bodies,
                 Buckets& buckets) {
  for (const base::Bytes& body : bodies) {
    const auto blocks = link::decode_blocks(body);
    if (!blocks.ok()) continue;
    for (const auto& block : *blocks)
      if (block.datastream == question.datastream) add_block(question, block, buckets);
  }
}

void add_waiting_summaries(const Question& question, const std::vector<base::Bytes>& bodies,
                           Buckets& buckets) {
  for (const base::Bytes& body : bodies) {
    const auto summaries = link::decode_summaries(body);
    if (!summaries.ok()) continue;
    for (const auto& one : *summaries) {
      if (one.datastream != question.datastream || !question.asks(one.from)) continue;
      Bucket& bucket = buckets[question.bucket(one.from)];
      bucket.summary.add(one.summary);
      bucket.from = std::min(bucket.from, one.from);
      bucket.span = std::max(bucket.span, one.span);
    }
  }
}

// Both lanes tell of the same observations, at different times and grains: never add them up.
// A bucket at least as wide as a summary takes the side that knows of more; in narrower ones a
// summary fills in only where no observation of its span is here.
void fill_from_summaries(const Question& question, const Buckets& summaries, Buckets& buckets) {
  std::vector<std::int64_t> observed;
  for (const auto& [index, bucket] : buckets) observed.push_back(index);
  for (const auto& [index, bucket] : summaries) {
    const Summary& told = bucket.summary;
    if (question.width >= bucket.span) {
      Bucket& out = buckets[index];
      if (told.count + told.others > out.summary.count + out.summary.others) out = bucket;
      continue;
    }
    const auto next = std::lower_bound(observed.begin(), observed.end(), index);
    const std::int64_t end = question.bucket(bucket.from + bucket.span - 1);
    if (next == observed.end() || *next > end) buckets[index] = bucket;
  }
}

}  // namespace

base::Result<std::vector<std::pair<base::TimeUs, Summary>>> DeltaLake::series(
    std::string_view tenant, std::string_view site, std::string_view datastream, base::TimeUs from,
    base::TimeUs to, std::size_t count) {
  LANDER_TRY(sensing::valid_id(tenant));
  if (from < kLeastTime || to > kMostTime || from >= to || count == 0 || count > kMaxBuckets)
    return Error(Code::kInvalid, "a series needs from < to within the years 1 to 9999, and 1 to " +
                                     std::to_string(kMaxBuckets) + " buckets");
  const auto buckets = static_cast<std::int64_t>(count);
  const Question question{site, datastream, from, to, (to - from + buckets - 1) / buckets};

  const std::lock_guard reading(reader_mutex_);
  std::unique_lock lock(mutex_);  // waiting bodies and versions of one instant
  LANDER_ASSIGN(const auto raw, journal_->overlapping(tenant, site, "blocks", from, to));
  LANDER_ASSIGN(const auto summed, journal_->overlapping(tenant, site, "summary", from, to));
  LANDER_ASSIGN(const auto raw_version, journal_->version(tenant, Table::kObservation));
  LANDER_ASSIGN(const auto summed_version, journal_->version(tenant, Table::kSummary));
  lock.unlock();

  Buckets observations, summaries;
  add_waiting(question, raw, observations);
  add_waiting_summaries(question, summed, summaries);
  LANDER_ASSIGN(auto files,
                files_of(tenant, Table::kObservation, raw_version, site, datastream, from, to));
  if (!files.empty())
    LANDER_TRY(add_rows(*reader_, observation_sql(question, files), observations));
  LANDER_ASSIGN(files,
                files_of(tenant, Table::kSummary, summed_version, site, datastream, from, to));
  if (!files.empty()) LANDER_TRY(add_rows(*reader_, summary_sql(question, files), summaries));
  fill_from_summaries(question, summaries, observations);

  std::vector<std::pair<base::TimeUs, Summary>> out;
  for (const auto& [index, bucket] : observations)
    if (bucket.summary.count + bucket.summary.others > 0)
      out.emplace_back(from + index * question.width, bucket.summary);
  return out;
}

base::Result<std::vector<std::string>> DeltaLake::files_of(std::string_view tenant, Table table,
                                                           std::int64_t version,
                                                           std::string_view site,
                                                           std::string_view datastream,
                                                           base::TimeUs from, base::TimeUs to) {
  std::vector<std::string> out;
  if (version < 0) return out;
  if (!reader_) {
    LANDER_ASSIGN(reader_, connect());
  }
  Snapshot& snapshot = read_[TableName(tenant, table)];
  const std::string folder = folder_of(tenant, table);
  if (auto status = advance(files_, *reader_, folder, version, snapshot); !status.ok()) {
    snapshot = Snapshot();  // it may be half applied
    return status.error();
  }
  for (const auto& [path, file] : snapshot.files)
    if (may_hold(file, site, datastream, from, to)) out.push_back(folder + '/' + path);
  return out;
}

}  // namespace lander::lake
