#include "lake/tables.h"

#include "base/check.h"

namespace lander::lake {
namespace {

using enum ColumnType;

constexpr Column kObservationColumns[] = {
    {"site", kText, true},    {"datastream", kText, true},
    {"revision", kLong},      {"asset", kText},
    {"property", kText},      {"unit", kText},
    {"time", kTime, true},    {"time_error_us", kLong},
    {"quality", kLong},       {"quality_name", kText},
    {"kind", kText},          {"value", kDouble},
    {"value_integer", kLong}, {"value_text", kText},
};

constexpr Column kSummaryColumns[] = {
    {"site", kText, true},  {"datastream", kText, true}, {"revision", kLong},
    {"asset", kText},       {"property", kText},         {"unit", kText},
    {"time", kTime, true},  {"span_us", kLong},          {"good_count", kLong},
    {"other_count", kLong}, {"min_value", kDouble},      {"max_value", kDouble},
    {"sum_value", kDouble},
};

constexpr Column kAlertEventColumns[] = {
    {"site", kText, true}, {"alert", kText},    {"event", kText},   {"kind", kText},
    {"time", kTime, true}, {"actor", kText},    {"comment", kText}, {"until", kTime},
    {"asset", kText},      {"title", kText},    {"detail", kText},  {"severity", kText},
    {"rule", kText},       {"model", kText},    {"score", kDouble}, {"causes", kText},
    {"evidence", kText},   {"received", kTime},
};

constexpr Column kDatastreamColumns[] = {
    {"site", kText, true},
    {"datastream", kText, true},
    {"revision", kLong},
    {"recorded", kTime, true},
    {"name", kText},
    {"asset", kText},
    {"property", kText},
    {"unit", kText},
    {"kind", kText},
    {"sensor_name", kText},
    {"sensor_model", kText},
    {"sensor_serial", kText},
    {"calibration_scale", kDouble},
    {"calibration_offset", kDouble},
    {"calibration_date", kText},
    {"calibration_certificate", kText},
    {"latitude", kDouble},
    {"longitude", kDouble},
    {"altitude_m", kDouble},
    {"least", kDouble},
    {"most", kDouble},
    {"uplink", kText},
    {"pickup", kBoolean},
    {"max_lateness_us", kLong},
    {"source", kText},
    {"address", kText},
};

constexpr Column kSiteColumns[] = {
    {"site", kText, true},
    {"epoch", kText},
    {"first_received", kTime, true},
};

std::string_view delta_type(ColumnType type) {
  switch (type) {
    case kText:
      return "string";
    case kLong:
      return "long";
    case kDouble:
      return "double";
    case kBoolean:
      return "boolean";
    case kTime:
      return "timestamp";
  }
  LANDER_CHECK(false);
}

}  // namespace

std::string_view name_of(Table table) {
  switch (table) {
    case Table::kObservation:
      return "observation";
    case Table::kSummary:
      return "summary";
    case Table::kAlertEvent:
      return "alert_event";
    case Table::kDatastream:
      return "datastream";
    case Table::kSite:
      return "site";
  }
  LANDER_CHECK(false);
}

std::span<const Column> columns_of(Table table) {
  switch (table) {
    case Table::kObservation:
      return kObservationColumns;
    case Table::kSummary:
      return kSummaryColumns;
    case Table::kAlertEvent:
      return kAlertEventColumns;
    case Table::kDatastream:
      return kDatastreamColumns;
    case Table::kSite:
      return kSiteColumns;
  }
  LANDER_CHECK(false);
}

std::string_view sql_type(ColumnType type) {
  switch (type) {
    case kText:
      return "VARCHAR";
    case kLong:
      return "BIGINT";
    case kDouble:
      return "DOUBLE";
    case kBoolean:
      return "BOOLEAN";
    case kTime:
      return "TIMESTAMPTZ";
  }
  LANDER_CHECK(false);
}

std::string delta_schema(Table table) {
  std::string out = R"({"type":"struct","fields":[)";
  for (const Column& column : columns_of(table)) {
    if (out.back() == '}') out += ',';
    out += R"({"name":")" + std::string(column.name) + R"(","type":")" +
           std::string(delta_type(column.type)) + R"(","nullable":true,"metadata":{}})";
  }
  return out + "]}";
}

std::string empty_select(Table table) {
  std::string out = "SELECT ";
  for (const Column& column : columns_of(table)) {
    if (out.back() != ' ') out += ',';
    out +=
        "NULL::" + std::string(sql_type(column.type)) + " AS \"" + std::string(column.name) + '"';
  }
  return out + " WHERE false";
}

std::string delta_time(base::TimeUs time) {
  std::int64_t fraction = time % base::kSecond;
  if (fraction < 0) fraction += base::kSecond;
  std::string out = base::to_rfc3339(time - fraction);
  out.pop_back();  // the Z
  const std::string digits = std::to_string(fraction);
  return out + '.' + std::string(6 - digits.size(), '0') + digits + 'Z';
}

}  // namespace lander::lake
