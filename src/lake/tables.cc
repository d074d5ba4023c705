#include "lake/tables.h"

#include "base/check.h"

namespace lander::lake {
namespace {

using enum ColumnType;

// What several tables have.
constexpr Column kSite = {"site", kText, "the site that observed, by its id within the tenant",
                          true};
constexpr Column kSeries = {"datastream", kText, "id of the datastream within the site, for life",
                            true};
constexpr Column kRevision = {
    "revision", kLong,
    "of the datastream; a new sensor, unit, calibration or place makes a new one"};
constexpr Column kAsset = {"asset", kText, "ISA-95 path: enterprise/site/area/line/asset"};
constexpr Column kProperty = {"property", kText, "the observed property"};
constexpr Column kUnit = {"unit", kText, "UCUM unit of the values"};

constexpr Column kObservationColumns[] = {
    kSite,
    kSeries,
    kRevision,
    kAsset,
    kProperty,
    kUnit,
    {"time", kTime,
     "phenomenon time in UTC: what the source claimed, corrected by the site's clock", true},
    {"time_error_us", kLong, "UTC is within so many microseconds of time; null: unknown"},
    {"quality", kLong, "OPC UA status code (Part 4, 7.39); good below 1073741824"},
    {"quality_name", kText, "the status code's name"},
    {"kind", kText, "number, integer, boolean or text"},
    {"value", kDouble, "number; integer, rounded to a double; boolean as 0 or 1; text: null"},
    {"value_integer", kLong, "integer, exact"},
    {"value_text", kText, "text"},
};

constexpr Column kSummaryColumns[] = {
    kSite,
    kSeries,
    kRevision,
    kAsset,
    kProperty,
    kUnit,
    {"time", kTime, "start of the span, UTC", true},
    {"span_us", kLong, "length of the span in microseconds"},
    {"good_count", kLong, "observations of good quality"},
    {"other_count", kLong, "uncertain and bad ones"},
    {"min_value", kDouble, "least good value; null: none"},
    {"max_value", kDouble, "greatest good value; null: none"},
    {"sum_value", kDouble, "sum of the good values; null: none"},
};

constexpr Column kAlertEventColumns[] = {
    kSite,
    {"alert", kText, "id of the alert that the event is of"},
    {"event", kText, "id of the event"},
    {"kind", kText, "raise, clear, acknowledge, shelve, ... (ISA-18.2)"},
    {"time", kTime, "when it happened, UTC", true},
    {"actor", kText, "who did it"},
    {"comment", kText, "what the actor said"},
    {"until", kTime, "end of a shelve, UTC"},
    {"asset", kText, "of a raise: ISA-95 path: enterprise/site/area/line/asset"},
    {"title", kText, "of a raise"},
    {"detail", kText, "of a raise"},
    {"severity", kText, "of a raise"},
    {"rule", kText, "of a raise: what raised it"},
    {"model", kText, "of a raise: the model that scored"},
    {"score", kDouble, "of a raise: the model's"},
    {"causes", kText, "of a raise: JSON, [{datastream, share, value, expected, unit}]"},
    {"evidence", kText, "of a raise: JSON, {from, to, series: {datastream: [[time_us, value]]}}"},
    {"received", kTime, "when the hub had it, UTC"},
};

constexpr Column kDatastreamColumns[] = {
    kSite,
    kSeries,
    kRevision,
    {"recorded", kTime, "when the site declared it, UTC; the newest one of a revision counts",
     true},
    {"name", kText, "for people"},
    kAsset,
    kProperty,
    kUnit,
    {"kind", kText, "number, integer, boolean or text"},
    {"sensor_name", kText, "the instrument's tag"},
    {"sensor_model", kText, "the instrument's model"},
    {"sensor_serial", kText, "the instrument's serial number"},
    {"calibration_scale", kDouble, "value = raw * scale + offset, done at the site"},
    {"calibration_offset", kDouble, "in the unit"},
    {"calibration_date", kText, "as declared"},
    {"calibration_certificate", kText, "as declared"},
    {"latitude", kDouble, "degrees, WGS 84"},
    {"longitude", kDouble, "degrees, WGS 84"},
    {"altitude_m", kDouble, "metres"},
    {"least", kDouble, "least possible value; what is below has bad quality"},
    {"most", kDouble, "greatest possible value; what is above has bad quality"},
    {"uplink", kText, "what leaves the site by itself"},
    {"pickup", kBoolean, "raw data may leave by a stick"},
    {"max_lateness_us", kLong, "so late, in microseconds, counts for windows"},
    {"source", kText, "the driver's name at the site"},
    {"address", kText, "what the driver reads"},
};

constexpr Column kSiteColumns[] = {
    kSite,
    {"epoch", kText, "16 hexadecimal digits; a restored or cloned site has a new one"},
    {"first_received", kTime, "when the hub first heard of it, UTC", true},
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

std::string_view meaning_of(Table table) {
  switch (table) {
    case Table::kObservation:
      return "One row a value, with its context";
    case Table::kSummary:
      return "One row a span of a datastream, a minute as a rule";
    case Table::kAlertEvent:
      return "One row an event in an alert's life; the alert's state is the fold of its events";
    case Table::kDatastream:
      return "One row each declaration of a datastream";
    case Table::kSite:
      return "One row each epoch of a site";
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
           std::string(delta_type(column.type)) + R"(","nullable":true,"metadata":{"comment":")" +
           std::string(column.meaning) + R"("}})";
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
