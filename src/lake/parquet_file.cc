#include "lake/parquet_file.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "lake/duck.h"
#include "lake/rows.h"

namespace lander::lake {
namespace {

using base::Result;
using base::Status;

constexpr std::uint64_t kMemoryMb = 256;
constexpr std::size_t kWaiting = 16;  // blocks

constexpr Column kColumns[] = {
    {"datastream", ColumnType::kText},    {"revision", ColumnType::kLong},
    {"asset", ColumnType::kText},         {"property", ColumnType::kText},
    {"unit", ColumnType::kText},          {"time", ColumnType::kTime},
    {"time_error_us", ColumnType::kLong}, {"kind", ColumnType::kText},
    {"value", ColumnType::kDouble},       {"value_integer", ColumnType::kLong},
    {"value_text", ColumnType::kText},    {"quality", ColumnType::kText},
};

struct Piece {
  sensing::Datastream context;
  base::DurationUs error = 0;
  sensing::Block rows;
};

// Between the two threads.
class Pipe final : public RowSource {
 public:
  // False: the writer ended.
  bool put(Piece piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || pieces_.size() < kWaiting; });
    if (closed_) return false;
    pieces_.push_back(std::move(piece));
    changed_.notify_all();
    return true;
  }
  void end(bool whole) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    whole_ = whole;
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  Result<std::size_t> next(Chunk& chunk) override {
    if (at_ == piece_.rows.size()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || !pieces_.empty(); });
      if (pieces_.empty()) {
        if (whole_) return std::size_t{0};
        return base::Error(base::Code::kUnavailable, "it was given up");
      }
      piece_ = std::move(pieces_.front());
      pieces_.pop_front();
      at_ = 0;
      changed_.notify_all();
    }
    const std::size_t count = std::min(kChunkRows, piece_.rows.size() - at_);
    fill(chunk, count);
    at_ += count;
    return count;
  }

 private:
  void fill(Chunk& chunk, std::size_t count) {
    const sensing::Datastream& of = piece_.context;
    const sensing::Block& rows = piece_.rows;
    chunk.same(0, std::string_view(of.id));
    chunk.same(1, std::int64_t{of.revision});
    chunk.same(2, std::string_view(of.asset));
    chunk.same(3, std::string_view(of.property));
    chunk.same(4, std::string_view(of.unit));
    chunk.longs(5, std::span(rows.times).subspan(at_, count));
    chunk.same(6, piece_.error == INT64_MAX ? Cell() : Cell(piece_.error));
    chunk.same(7, sensing::to_string(of.kind));
    const bool text = rows.kind == sensing::Kind::kText;
    if (text) chunk.same(8, Cell());
    if (rows.kind != sensing::Kind::kInteger) chunk.same(9, Cell());
    if (!text) chunk.same(10, Cell());
    for (std::size_t row = 0; row < count; ++row) {
      const std::size_t i = at_ + row;
      chunk.cell(11, row, sensing::to_string(rows.qualities[i]));
      switch (rows.kind) {
        case sensing::Kind::kNumber:
          chunk.cell(8, row, rows.numbers[i]);
          break;
        case sensing::Kind::kInteger:
          chunk.cell(8, row, static_cast<double>(rows.integers[i]));
          chunk.cell(9, row, rows.integers[i]);
          break;
        case sensing::Kind::kBoolean:
          chunk.cell(8, row, rows.booleans[i] ? 1.0 : 0.0);
          break;
        default:
          chunk.cell(10, row, utf8_of(rows.strings[i]));
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool ended_ = false, whole_ = false, closed_ = false;
  Piece piece_;  // the writer's own
  std::size_t at_ = 0;
};

class DuckFile final : public ParquetFile {
 public:
  DuckFile(std::unique_ptr<Duck> duck, std::unique_ptr<Session> session, std::string path)
      : duck_(std::move(duck)), session_(std::move(session)) {
    writer_ = std::thread([this, path = std::move(path)] {
      status_ = session_->write_parquet(path, kColumns, pipe_);
      pipe_.close();
    });
  }
  ~DuckFile() override {
    if (writer_.joinable()) (void)end(false).ok();
  }

  Status add(const sensing::Datastream& context, base::DurationUs error,
             sensing::Block rows) override {
    if (rows.size() == 0 || pipe_.put({context, error, std::move(rows)})) return {};
    const Status failed = end(false);
    if (!failed.ok()) return failed;
    return base::Error(base::Code::kInternal, "the Parquet file ended by itself");
  }
  Status finish() override { return end(true); }

 private:
  Status end(bool whole) {
    pipe_.end(whole);
    if (writer_.joinable()) writer_.join();
    return status_;
  }

  std::unique_ptr<Duck> duck_;
  std::unique_ptr<Session> session_;
  Pipe pipe_;
  Status status_;  // the writer's; read after it was joined
  std::thread writer_;
};

}  // namespace

Result<std::unique_ptr<ParquetFile>> ParquetFile::create(const std::string& path) {
  LANDER_ASSIGN(auto duck, Duck::open(kMemoryMb));
  LANDER_ASSIGN(auto session, Session::open(*duck));
  return std::unique_ptr<ParquetFile>(
      std::make_unique<DuckFile>(std::move(duck), std::move(session), path));
}

}  // namespace lander::lake
