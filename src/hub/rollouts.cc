// Packages come in, versions go out in phases.

#include <algorithm>

#include "base/cbor.h"
#include "hub/core.h"
#include "hub/records.h"
#include "os/log.h"

namespace lander::hub {
namespace {

constexpr std::size_t kMaxPackages = 10'000;

}  // namespace

base::Result<const Package*> Core::import_package(const access::Scope& scope,
                                                  base::ByteView bytes) {
  LANDER_TRY(scope.allows(access::Right::kManagePackages));
  Tenant* tenant = find_tenant(scope.tenant);
  if (!tenant || !tenant->root) {
    return base::Error(
        base::Code::kConflict,
        "this tenant trusts no signer yet: `lander trust init`, then `lander trust add`");
  }
  LANDER_ASSIGN(auto package, package::verify_and_open(bytes, tenant->trust));
  if (const auto known = tenant->packages.find(package.digest); known != tenant->packages.end())
    return &known->second;
  if (tenant->packages.size() >= kMaxPackages)
    return base::Error(base::Code::kExhausted, "too many packages");
  for (const auto& [digest, other] : tenant->packages) {
    if (other.package.manifest.name == package.manifest.name &&
        other.package.manifest.version == package.manifest.version) {
      return base::Error(
          base::Code::kExists,
          package.manifest.name + " " + package.manifest.version +
              " is here already with other content: a version never changes, give it a new number");
    }
  }
  LANDER_TRY(
      context_.files.write_durably(context_.folder + "/packages/" + package.digest, bytes, 0600));
  base::CborWriter imported;
  imported.integer(now());
  Batch batch;
  batch.records.push_back(
      {scope.tenant, std::string(kPackageRecord), "", package.digest, imported.take()});
  LANDER_TRY(commit(batch));
  package.files.clear();
  const std::string digest = package.digest;
  return &(tenant->packages[digest] = {std::move(package), bytes.size(), now()});
}

base::Result<const fleet::Rollout*> Core::start_rollout(
    const access::Scope& scope, const std::string& app, const std::string& version,
    std::vector<std::vector<std::string>> phases, std::uint32_t max_failed) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  Tenant* tenant = find_tenant(scope.tenant);
  if (!tenant) return base::Error(base::Code::kNotFound, "no tenant \"" + scope.tenant + "\"");
  fleet::Rollout rollout;
  std::string versions;
  for (const auto& [digest, package] : tenant->packages) {
    if (package.package.manifest.name != app) continue;
    versions += (versions.empty() ? "" : ", ") + package.package.manifest.version;
    if (package.package.manifest.version == version) rollout.digest = digest;
  }
  if (rollout.digest.empty()) {
    return base::Error(
        base::Code::kNotFound,
        "no package " + app + " " + version + " here; " +
            (versions.empty() ? "`lander app push FILE` brings it" : "there are: " + versions));
  }
  std::size_t sites = 0;
  for (const auto& phase : phases) {
    for (const auto& site : phase) {
      ++sites;
      const auto at = tenant->sites.find(site);
      if (at == tenant->sites.end())
        return base::Error(base::Code::kNotFound, "no site \"" + site + "\"");
      if (at->second->revoked)
        return base::Error(base::Code::kConflict, "site \"" + site + "\" is revoked");
      const auto& apps = at->second->desired.apps;
      if (apps.size() >= twin::kMaxApps &&
          std::none_of(apps.begin(), apps.end(), [&](const auto& a) { return a.name == app; })) {
        return base::Error(base::Code::kExhausted,
                           "site \"" + site + "\" has as many apps as a site may have");
      }
    }
  }
  if (sites == 0) return base::Error(base::Code::kInvalid, "a rollout needs at least one site");
  rollout.id = context_.random.uuid7(now());
  rollout.tenant = scope.tenant;
  rollout.app = app;
  rollout.version = version;
  rollout.author = "user:" + scope.user;
  rollout.created = now();
  rollout.phases = std::move(phases);
  rollout.max_failed = max_failed;
  LANDER_TRY(fleet::valid(rollout));
  const std::string id = rollout.id;
  // One that still runs would bring its sites back to its version, phase by phase.
  std::vector<fleet::Rollout> ended;
  for (const auto& [other_id, other] : tenant->rollouts) {
    if (other.app != app || other.state != fleet::Rollout::State::kRunning) continue;
    ended.push_back(fleet::cancel(other, "rollout " + id + " of " + version + " took over"));
  }
  LANDER_TRY(assign(*tenant, fleet::start(std::move(rollout)), ended));
  return &tenant->rollouts.at(id);
}

base::Status Core::assign(Tenant& tenant, const fleet::RolloutStep& step,
                          const std::vector<fleet::Rollout>& ended) {
  Batch batch;
  for (const auto& rollout : ended) {
    batch.records.push_back(
        {tenant.name, std::string(kRolloutRecord), "", rollout.id, fleet::encode(rollout)});
  }
  batch.records.push_back(
      {tenant.name, std::string(kRolloutRecord), "", step.rollout.id, fleet::encode(step.rollout)});
  std::vector<std::pair<Site*, twin::Desired>> staged;
  for (const auto& name : step.assign) {
    const auto at = tenant.sites.find(name);
    if (at == tenant.sites.end() || at->second->revoked) continue;
    twin::Desired desired = at->second->desired;
    auto app = std::find_if(desired.apps.begin(), desired.apps.end(),
                            [&](const auto& a) { return a.name == step.rollout.app; });
    if (app == desired.apps.end())
      app = desired.apps.insert(desired.apps.end(), {step.rollout.app, "", "", {}});
    app->version = step.rollout.version;
    app->digest = step.rollout.digest;
    desired.author = "rollout:" + step.rollout.id;
    stage(*at->second, desired, batch);
    staged.emplace_back(at->second.get(), std::move(desired));
  }
  LANDER_TRY(commit(batch));  // the rollout's step and all its assignments, or none
  for (auto& [site, desired] : staged) {
    site->desired = std::move(desired);
    context_.changed(tenant.name, "twin", site->key.site);
  }
  for (const auto& rollout : ended) tenant.rollouts[rollout.id] = rollout;
  tenant.rollouts[step.rollout.id] = step.rollout;
  context_.changed(tenant.name, "rollout", step.rollout.id);
  return {};
}

base::Status Core::advance_rollouts(Site& site) {
  Tenant* tenant = find_tenant(site.key.tenant);
  LANDER_CHECK(tenant != nullptr);
  std::vector<fleet::RolloutStep> steps;
  for (const auto& [id, rollout] : tenant->rollouts) {
    if (rollout.state != fleet::Rollout::State::kRunning || !rollout.sites.contains(site.key.site))
      continue;
    // What it runs is only news of this rollout when it speaks of the revision that assigned it.
    if (site.reported.desired_revision < site.desired.revision) continue;
    auto step = fleet::on_reported(rollout, site.key.site, site.reported);
    if (fleet::encode(step.rollout) != fleet::encode(rollout)) steps.push_back(std::move(step));
  }
  for (const auto& step : steps) LANDER_TRY(assign(*tenant, step));
  site.rollouts_due = false;
  return {};
}

base::Status Core::leave_rollouts(Tenant& tenant, const std::string& site) {
  std::vector<fleet::RolloutStep> steps;
  for (const auto& [id, rollout] : tenant.rollouts) {
    if (rollout.state == fleet::Rollout::State::kRunning && rollout.sites.contains(site))
      steps.push_back(fleet::on_removed(rollout, site));
  }
  for (const auto& step : steps) LANDER_TRY(assign(tenant, step));
  return {};
}

base::Result<const fleet::Rollout*> Core::cancel_rollout(const access::Scope& scope,
                                                         const std::string& id) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  Tenant* tenant = find_tenant(scope.tenant);
  const auto at =
      tenant ? tenant->rollouts.find(id) : std::map<std::string, fleet::Rollout>::iterator{};
  if (!tenant || at == tenant->rollouts.end())
    return base::Error(base::Code::kNotFound, "no rollout \"" + id + "\"");
  if (at->second.state != fleet::Rollout::State::kRunning) {
    return base::Error(base::Code::kConflict,
                       "the rollout is over: " + std::string(fleet::to_string(at->second.state)));
  }
  LANDER_TRY(assign(*tenant, {fleet::cancel(at->second, "cancelled by " + scope.user), {}}));
  return &tenant->rollouts.at(id);
}

}  // namespace lander::hub
