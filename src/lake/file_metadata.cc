#include "lake/file_metadata.h"

#include <nlohmann/json.hpp>

namespace lander::lake {
namespace {

using nlohmann::json;

constexpr char kFormat[] =
    "lander lake 1, docs/formats/lake.md: rows sorted by site, datastream, time";

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void put(json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

// What the rows do not tell already: asset, property, unit and kind are columns.
json declaration(const SeriesName& name, const sensing::Datastream& of) {
  const auto& [site, datastream, revision] = name;
  json out = {{"site", site}, {"datastream", datastream}, {"revision", revision}};
  put(out, "name", of.name);
  json sensor = json::object();
  put(sensor, "name", of.sensor.name);
  put(sensor, "model", of.sensor.model);
  put(sensor, "serial", of.sensor.serial);
  if (!sensor.empty()) out["sensor"] = std::move(sensor);
  json calibration = {{"scale", of.calibration.scale}, {"offset", of.calibration.offset}};
  put(calibration, "date", of.calibration.date);
  put(calibration, "certificate", of.calibration.certificate);
  out["calibration"] = std::move(calibration);
  if (of.location)
    out["location"] = {{"latitude", of.location->latitude},
                       {"longitude", of.location->longitude},
                       {"altitude_m", of.location->altitude_m}};
  if (of.least) out["least"] = *of.least;
  if (of.most) out["most"] = *of.most;
  out["policy"] = {{"uplink", sensing::to_string(of.policy.uplink)},
                   {"pickup", of.policy.pickup},
                   {"max_lateness_us", of.policy.max_lateness}};
  put(out, "source", of.binding.source);
  put(out, "address", of.binding.address);
  return out;
}

}  // namespace

ParquetWriter::Metadata metadata_of(std::string_view tenant, Table table, const Extent& extent,
                                    const Context& context) {
  json about = {
      {"format", kFormat},       {"writer", "lander " LANDER_VERSION}, {"tenant", tenant},
      {"table", name_of(table)}, {"meaning", meaning_of(table)},       {"rows", extent.rows}};
  json& columns = about["columns"] = json::object();
  for (const Column& column : columns_of(table)) columns[std::string(column.name)] = column.meaning;
  json& sites = about["sites"] = json::array();
  for (const std::string& site : extent.sites)
    if (sites.size() < kMaxNamedSites) sites.push_back(site);
  for (const auto& [column, range] : extent.times) {
    about["from"] = delta_time(range.first);
    about["to"] = delta_time(range.second);
  }
  about["declarations"] = context.size();  // more than the next list holds: it was cut
  ParquetWriter::Metadata out = {{"lander", text_of(about)}};
  if (table != Table::kObservation && table != Table::kSummary) return out;
  std::string list = "[";
  std::size_t count = 0;
  for (const auto& [name, of] : context) {
    if (++count > kMaxDeclarations) break;
    list += (count > 1 ? "," : "") + text_of(declaration(name, of));
  }
  out.emplace_back("lander.datastreams", list + "]");
  return out;
}

}  // namespace lander::lake
