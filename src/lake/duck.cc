#include "lake/duck.h"

#include <duckdb.h>

#include <atomic>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

// DuckDB frees with the address of the handle.
struct ResultHolder {
  duckdb_result result{};
  ~ResultHolder() { duckdb_destroy_result(&result); }
};

Code code_of(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return Code::kExhausted;
    case DUCKDB_ERROR_IO:
      return Code::kIo;
    default:
      return Code::kInternal;
  }
}

Error error_of(duckdb_result* result, std::string_view what) {
  const char* message = duckdb_result_error(result);
  return Error(code_of(duckdb_result_error_type(result)),
               std::string(what) + ": " + (message ? message : "DuckDB gave no reason"));
}

duckdb_logical_type logical_type(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case ColumnType::kLong:
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case ColumnType::kDouble:
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case ColumnType::kBoolean:
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case ColumnType::kTime:
      return duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ);
  }
  LANDER_CHECK(false);
}

duckdb_value make_value(ColumnType type, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return duckdb_create_null_value();
  switch (type) {
    case ColumnType::kText: {
      const auto text = std::get<std::string_view>(cell);
      return duckdb_create_varchar_length(text.data(), text.size());
    }
    case ColumnType::kLong:
      return duckdb_create_int64(std::get<std::int64_t>(cell));
    case ColumnType::kDouble:
      return duckdb_create_double(std::get<double>(cell));
    case ColumnType::kBoolean:
      return duckdb_create_bool(std::get<bool>(cell));
    case ColumnType::kTime:
      return duckdb_create_timestamp_tz(duckdb_timestamp{std::get<std::int64_t>(cell)});
  }
  LANDER_CHECK(false);
}

duckdb_vector vector_of(void* chunk, std::size_t column) {
  return duckdb_data_chunk_get_vector(static_cast<duckdb_data_chunk>(chunk), column);
}

base::Result<Value> value_at(duckdb_vector vector, duckdb_type type, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity && !duckdb_validity_row_is_valid(validity, row)) return Value();
  void* data = duckdb_vector_get_data(vector);
  switch (type) {
    case DUCKDB_TYPE_VARCHAR: {
      duckdb_string_t text = static_cast<duckdb_string_t*>(data)[row];
      return Value(std::string(duckdb_string_t_data(&text), duckdb_string_t_length(text)));
    }
    case DUCKDB_TYPE_INTEGER:
      return Value(std::int64_t{static_cast<std::int32_t*>(data)[row]});
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Value(static_cast<std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_DOUBLE:
      return Value(static_cast<double*>(data)[row]);
    case DUCKDB_TYPE_BOOLEAN:
      return Value(static_cast<bool*>(data)[row]);
    default:
      return Error(Code::kUnsupported,
                   "a column of DuckDB type " + std::to_string(static_cast<int>(type)));
  }
}

}  // namespace

struct Session::Feed {
  std::string name;  // of the table function
  std::span<const Column> columns;
  RowSource* source = nullptr;
  std::optional<Error> error;  // the source's own, which DuckDB would only give back as text
};

void Chunk::same(std::size_t column, const Cell& value) {
  duckdb_value made = make_value(columns_[column].type, value);
  duckdb_vector_reference_value(vector_of(handle_, column), made);
  duckdb_destroy_value(&made);
}

void Chunk::cell(std::size_t column, std::size_t row, const Cell& value) {
  LANDER_CHECK(row < kChunkRows);
  duckdb_vector vector = vector_of(handle_, column);
  if (std::holds_alternative<std::monostate>(value)) {
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    return;
  }
  void* data = duckdb_vector_get_data(vector);
  switch (columns_[column].type) {
    case ColumnType::kText: {
      const auto text = std::get<std::string_view>(value);
      duckdb_vector_assign_string_element_len(vector, row, text.data(), text.size());
      return;
    }
    case ColumnType::kLong:
    case ColumnType::kTime:
      static_cast<std::int64_t*>(data)[row] = std::get<std::int64_t>(value);
      return;
    case ColumnType::kDouble:
      static_cast<double*>(data)[row] = std::get<double>(value);
      return;
    case ColumnType::kBoolean:
      static_cast<bool*>(data)[row] = std::get<bool>(value);
      return;
  }
}

void Chunk::longs(std::size_t column, std::span<const std::int64_t> values) {
  LANDER_CHECK(values.size() <= kChunkRows);
  std::memcpy(duckdb_vector_get_data(vector_of(handle_, column)), values.data(),
              values.size_bytes());
}

void Chunk::doubles(std::size_t column, std::span<const double> values) {
  LANDER_CHECK(values.size() <= kChunkRows);
  std::memcpy(duckdb_vector_get_data(vector_of(handle_, column)), values.data(),
              values.size_bytes());
}

base::Result<std::unique_ptr<Duck>> Duck::open(std::uint64_t memory_limit_mb) {
  LANDER_CHECK(duckdb_vector_size() == kChunkRows);
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess)
    return Error(Code::kExhausted, "opening DuckDB: no memory for its configuration");
  duckdb_set_config(config, "threads", "1");
  duckdb_set_config(config, "memory_limit", (std::to_string(memory_limit_mb) + "MiB").c_str());
  duckdb_set_config(config, "temp_directory", "");
  duckdb_set_config(config, "autoinstall_known_extensions", "false");
  duckdb_set_config(config, "autoload_known_extensions", "false");
  std::unique_ptr<Duck> duck(new Duck());
  char* message = nullptr;
  const duckdb_state state = duckdb_open_ext(nullptr, &duck->database_, config, &message);
  duckdb_destroy_config(&config);
  if (state == DuckDBSuccess) return duck;
  Error error(Code::kIo, std::string("opening DuckDB: ") + (message ? message : "no reason given"));
  duckdb_free(message);
  return error;
}

Duck::~Duck() { duckdb_close(&database_); }

base::Result<std::unique_ptr<Session>> Session::open(Duck& duck) {
  std::unique_ptr<Session> session(new Session());
  if (duckdb_connect(duck.database_, &session->connection_) != DuckDBSuccess)
    return Error(Code::kExhausted, "connecting to DuckDB failed");
  LANDER_TRY(session->run("SET TimeZone='UTC'"));
  return session;
}

Session::~Session() { duckdb_disconnect(&connection_); }

base::Status Session::run(const std::string& sql) {
  ResultHolder holder;
  if (duckdb_query(connection_, sql.c_str(), &holder.result) == DuckDBSuccess) return {};
  return error_of(&holder.result, "running \"" + sql.substr(0, 60) + "\"");
}

base::Result<std::vector<std::vector<Value>>> Session::query(const std::string& sql) {
  ResultHolder holder;
  if (duckdb_query(connection_, sql.c_str(), &holder.result) != DuckDBSuccess)
    return error_of(&holder.result, "querying the lake");
  const idx_t columns = duckdb_column_count(&holder.result);
  std::vector<std::vector<Value>> rows;
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(holder.result)) {
    std::optional<Error> error;
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk) && !error; ++row) {
      auto& values = rows.emplace_back();
      for (idx_t column = 0; column < columns && !error; ++column) {
        auto value = value_at(duckdb_data_chunk_get_vector(chunk, column),
                              duckdb_column_type(&holder.result, column), row);
        if (value.ok())
          values.push_back(std::move(value).value());
        else
          error = value.error();
      }
    }
    duckdb_destroy_data_chunk(&chunk);
    if (error) return *error;
  }
  return rows;
}

void Session::fill(void* info_handle, void* output) {
  auto info = static_cast<duckdb_function_info>(info_handle);
  Feed& feed = *static_cast<Feed*>(duckdb_function_get_extra_info(info));
  Chunk chunk(output, feed.columns);
  auto rows = feed.source->next(chunk);
  if (!rows.ok()) {
    feed.error = rows.error();
    duckdb_function_set_error(info, rows.error().message().c_str());
    return;
  }
  duckdb_data_chunk_set_size(static_cast<duckdb_data_chunk>(output), *rows);
}

base::Status Session::register_feed() {
  static std::atomic<int> next{0};  // functions are named in the database, feeds belong to sessions
  feed_ = std::make_unique<Feed>();
  feed_->name = "lander_rows_" + std::to_string(next++);
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, feed_->name.c_str());
  duckdb_table_function_set_extra_info(function, feed_.get(), nullptr);
  duckdb_table_function_set_bind(function, [](duckdb_bind_info info) {
    const Feed& feed = *static_cast<Feed*>(duckdb_bind_get_extra_info(info));
    for (const Column& column : feed.columns) {
      duckdb_logical_type type = logical_type(column.type);
      duckdb_bind_add_result_column(info, std::string(column.name).c_str(), type);
      duckdb_destroy_logical_type(&type);
    }
  });
  duckdb_table_function_set_init(
      function, [](duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); });
  duckdb_table_function_set_function(
      function, [](duckdb_function_info info, duckdb_data_chunk output) { fill(info, output); });
  const duckdb_state state = duckdb_register_table_function(connection_, function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) return Error(Code::kInternal, "DuckDB refused the table function");
  return {};
}

base::Status Session::run_with(const std::string& sql, std::span<const Column> columns,
                               RowSource& source) {
  if (!feed_) LANDER_TRY(register_feed());
  feed_->columns = columns;
  feed_->source = &source;
  feed_->error.reset();
  constexpr std::string_view kRows = "{rows}";
  std::string whole = sql;
  LANDER_CHECK(whole.find(kRows) != std::string::npos);
  whole.replace(whole.find(kRows), kRows.size(), feed_->name + "()");
  base::Status status = run(whole);
  feed_->source = nullptr;
  if (feed_->error) return *feed_->error;
  return status;
}

base::Status Session::write_parquet(const std::string& path, std::span<const Column> columns,
                                    RowSource& source) {
  std::string ids;
  for (std::size_t i = 0; i < columns.size(); ++i)
    ids += (i ? ", " : "") + ('"' + std::string(columns[i].name) + "\": ") + std::to_string(i + 1);
  const std::string sql = "COPY (SELECT * FROM {rows}) TO " + sql_literal(path) +
                          " (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {" + ids + "})";
  const base::Status status = run_with(sql, columns, source);
  return status.ok() ? status : status.error().context("writing " + path);
}

std::string sql_literal(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

}  // namespace lander::lake
