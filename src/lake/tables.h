// The lake's tables and their columns: the one place that knows them. Documented in
// docs/formats/lake.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace lander::lake {

enum class ColumnType : std::uint8_t { kText, kLong, kDouble, kBoolean, kTime };

struct Column {
  std::string_view name;
  ColumnType type;
  std::string_view meaning;  // stands in every file and in the Delta log
  bool in_stats = false;     // never null; its least and greatest value stand in the Delta log
};

enum class Table : std::uint8_t { kObservation, kSummary, kAlertEvent, kDatastream, kSite };
inline constexpr std::size_t kTables = 5;
inline constexpr std::array<Table, kTables> kAllTables = {
    Table::kObservation, Table::kSummary, Table::kAlertEvent, Table::kDatastream, Table::kSite};

std::string_view name_of(Table table);  // also the folder's name
std::string_view meaning_of(Table table);
std::span<const Column> columns_of(Table table);

std::string_view sql_type(ColumnType type);
std::string delta_schema(Table table);      // the metaData action's schemaString
std::string empty_select(Table table);      // SQL of a relation with these columns and no rows
std::string delta_time(base::TimeUs time);  // "2026-11-22T00:13:07.250000Z", always six digits

// Every reader of the tables can represent the years 1 to 9999; nothing outside is written.
inline constexpr base::TimeUs kLeastTime = -62'135'596'800 * base::kSecond;
inline constexpr base::TimeUs kMostTime = 253'402'300'799 * base::kSecond;

}  // namespace lander::lake
