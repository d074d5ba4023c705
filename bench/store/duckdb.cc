// DuckDB in the process: its own file, its appender by whole vectors, one transaction a batch (its
// log is synced at commit). No key and no index: what is fastest to write; queries need no ORDER
// BY, because DuckDB keeps the order of insertion.
//
// The library is loaded when this side runs: its relocations would count as memory of the others.
#include <dlfcn.h>
#include <duckdb.h>

#include "../measure.h"
#include "engine.h"

namespace bench {

using namespace lander;

namespace {

template <class F>
F* symbol(F*, const char* name) {
  static void* library = ::dlopen(LANDER_DUCKDB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(::dlerror());
  void* found = ::dlsym(library, name);
  if (found == nullptr) fail(std::string("DuckDB has no ") + name);
  return reinterpret_cast<F*>(found);
}
#define DUCK(name) symbol(static_cast<decltype(&::duckdb_##name)>(nullptr), "duckdb_" #name)

class Duck : public Engine {
 public:
  explicit Duck(const EngineOptions& options) {
    const std::string path = options.folder + "/rows.duckdb";
    if (DUCK(open)(path.c_str(), &database_) != DuckDBSuccess) fail("DuckDB cannot open " + path);
    if (DUCK(connect)(database_, &connection_) != DuckDBSuccess) fail("DuckDB cannot connect");
    run("CREATE TABLE IF NOT EXISTS observation(series INTEGER, time BIGINT, quality UINTEGER,"
        " value DOUBLE)");
    duckdb_logical_type types[4];
    const duckdb_type ids[4] = {DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_UINTEGER,
                                DUCKDB_TYPE_DOUBLE};
    for (int i = 0; i < 4; ++i) types[i] = DUCK(create_logical_type)(ids[i]);
    chunk_ = DUCK(create_data_chunk)(types, 4);
    rows_ = DUCK(vector_size)();
  }
  ~Duck() override {
    DUCK(destroy_data_chunk)(&chunk_);
    DUCK(disconnect)(&connection_);
    DUCK(close)(&database_);
  }
  void commit(std::vector<Observation>& batch, base::DurationUs) override {
    run("BEGIN");
    duckdb_appender appender = nullptr;
    if (DUCK(appender_create)(connection_, nullptr, "observation", &appender) != DuckDBSuccess)
      fail("DuckDB has no appender");
    for (std::size_t at = 0; at < batch.size(); at += rows_) append(appender, batch, at);
    if (DUCK(appender_destroy)(&appender) != DuckDBSuccess) fail("DuckDB does not append");
    run("COMMIT");
  }
  double settle() override {
    const auto began = Steady::now();
    run("CHECKPOINT");
    return us_since(began) / 1e6;
  }
  Answer read(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    each_chunk("SELECT time, quality, value" + where(series, from, to),
               [&](duckdb_data_chunk chunk, idx_t rows) {
                 const auto* values = column<double>(chunk, 2);
                 for (idx_t i = 0; i < rows; ++i) out.sum += values[i];
                 out.count += static_cast<double>(rows);
               });
    return out;
  }
  Answer plot(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    const auto width = std::max<base::DurationUs>(1, (to - from) / kBuckets);
    each_chunk("SELECT (time-" + std::to_string(from) + ")//" + std::to_string(width) +
                   " AS bucket, min(value), max(value), sum(value), count(*)" +
                   where(series, from, to) + " GROUP BY bucket ORDER BY bucket",
               [&](duckdb_data_chunk chunk, idx_t rows) {
                 for (idx_t i = 0; i < rows; ++i) {
                   out.sum += column<double>(chunk, 3)[i];
                   out.count += static_cast<double>(column<std::int64_t>(chunk, 4)[i]);
                 }
               });
    return out;
  }

 private:
  static std::string where(int series, base::TimeUs from, base::TimeUs to) {
    return " FROM observation WHERE series=" + std::to_string(series) +
           " AND time>=" + std::to_string(from) + " AND time<" + std::to_string(to);
  }
  template <class T>
  static T* column(duckdb_data_chunk chunk, idx_t at) {
    return static_cast<T*>(DUCK(vector_get_data)(DUCK(data_chunk_get_vector)(chunk, at)));
  }
  void append(duckdb_appender appender, const std::vector<Observation>& batch, std::size_t at) {
    const std::size_t rows = std::min<std::size_t>(rows_, batch.size() - at);
    DUCK(data_chunk_reset)(chunk_);
    auto* series = column<std::int32_t>(chunk_, 0);
    auto* times = column<std::int64_t>(chunk_, 1);
    auto* qualities = column<std::uint32_t>(chunk_, 2);
    auto* values = column<double>(chunk_, 3);
    for (std::size_t i = 0; i < rows; ++i) {
      const Observation& observation = batch[at + i];
      series[i] = static_cast<std::int32_t>(observation.series);
      times[i] = observation.time;
      qualities[i] = static_cast<std::uint32_t>(observation.quality);
      values[i] = std::get<double>(observation.value);
    }
    DUCK(data_chunk_set_size)(chunk_, rows);
    if (DUCK(append_data_chunk)(appender, chunk_) != DuckDBSuccess) fail("DuckDB does not append");
  }
  void run(const std::string& sql) {
    each_chunk(sql, [](duckdb_data_chunk, idx_t) {});
  }
  template <class Each>
  void each_chunk(const std::string& sql, Each each) {
    duckdb_result result;
    if (DUCK(query)(connection_, sql.c_str(), &result) != DuckDBSuccess)
      fail("DuckDB: " + std::string(DUCK(result_error)(&result)));
    while (duckdb_data_chunk chunk = DUCK(fetch_chunk)(result)) {
      each(chunk, DUCK(data_chunk_get_size)(chunk));
      DUCK(destroy_data_chunk)(&chunk);
    }
    DUCK(destroy_result)(&result);
  }
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  duckdb_data_chunk chunk_ = nullptr;
  std::size_t rows_ = 0;
};
#undef DUCK

}  // namespace

std::unique_ptr<Engine> make_duckdb(const EngineOptions& options) {
  return std::make_unique<Duck>(options);
}

}  // namespace bench
