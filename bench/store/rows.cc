// The rival that everybody would write first: a table of rows in SQLite, in the same transactions.
#include "../measure.h"
#include "engine.h"
#include "os/sqlite.h"

namespace bench {

using namespace lander;

namespace {

class Rows : public Engine {
 public:
  explicit Rows(const EngineOptions& options)
      : database_(open(options)),
        insert_(must(database_.prepare("INSERT INTO observation VALUES(?,?,?,?)"))),
        read_(must(database_.prepare("SELECT time, quality, value FROM observation WHERE series=?1"
                                     " AND time>=?2 AND time<?3 ORDER BY time"))),
        plot_(must(database_.prepare(
            "SELECT (time-?2)/?4, min(value), max(value), sum(value), count(*) FROM observation"
            " WHERE series=?1 AND time>=?2 AND time<?3 GROUP BY 1"))) {}
  void commit(std::vector<Observation>& batch, base::DurationUs) override {
    os::Transaction transaction = must(os::Transaction::begin(database_));
    for (const auto& observation : batch) {
      insert_.bind(1, std::int64_t{observation.series}).bind(2, observation.time);
      insert_.bind(3, static_cast<std::int64_t>(observation.quality));
      insert_.bind(4, std::get<double>(observation.value));
      must(insert_.run());
    }
    must(transaction.commit());
  }
  double settle() override {
    const auto began = Steady::now();
    auto statement = must(database_.prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    must(statement.run());
    return us_since(began) / 1e6;
  }
  Answer read(int series, base::TimeUs from, base::TimeUs to) override {
    read_.reset();
    read_.bind(1, std::int64_t{series}).bind(2, from).bind(3, to);
    Answer out;
    base::TimeUs last = 0;
    while (must(read_.step())) {
      last = std::max(last, read_.integer(0));
      ++out.count;
      out.sum += read_.real(2);
    }
    if (last >= to) fail("rows out of range");
    return out;
  }
  Answer plot(int series, base::TimeUs from, base::TimeUs to) override {
    plot_.reset();
    plot_.bind(1, std::int64_t{series}).bind(2, from).bind(3, to);
    plot_.bind(4, std::max<base::DurationUs>(1, (to - from) / kBuckets));
    Answer out;
    while (must(plot_.step())) {
      out.sum += plot_.real(3);
      out.count += static_cast<double>(plot_.integer(4));
    }
    return out;
  }

 private:
  static os::Database open(const EngineOptions& options) {
    os::Database::Options how;
    how.vfs = options.vfs;
    auto database = must(os::Database::open(options.folder + "/rows.db", how));
    must(database.execute(
        "CREATE TABLE IF NOT EXISTS observation(series INTEGER, time INTEGER, quality INTEGER,"
        " value REAL, PRIMARY KEY(series, time)) WITHOUT ROWID"));
    return database;
  }
  os::Database database_;
  os::Statement insert_, read_, plot_;
};

}  // namespace

std::unique_ptr<Engine> make_rows(const EngineOptions& options) {
  return std::make_unique<Rows>(options);
}

}  // namespace bench
