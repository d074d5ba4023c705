#include <array>

#include "access/access.h"

namespace lander::access {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"viewer", "technician", "operator",
                                                        "admin"};

struct Row {
  Right right;
  Role role;
  std::string_view doing;  // "... needs the role ..."
};

// The one table of who may do what, in the order of Right.
constexpr std::array<Row, 8> kTable = {{
    {Right::kLook, Role::kViewer, "looking at the site"},
    {Right::kHandleAlerts, Role::kTechnician, "acknowledging and shelving alerts"},
    {Right::kPickup, Role::kTechnician, "picking data up"},
    {Right::kOperate, Role::kOperator, "changing what sites do"},
    {Right::kQuerySql, Role::kViewer, "asking SQL"},
    {Right::kAdmit, Role::kAdmin, "admitting sites"},
    {Right::kManageAccounts, Role::kAdmin, "managing accounts"},
    {Right::kManagePackages, Role::kOperator, "managing packages"},
}};

const Row& row_of(Right right) {
  const auto at = static_cast<std::size_t>(right);
  LANDER_CHECK(at < kTable.size() && kTable[at].right == right);
  return kTable[at];
}

}  // namespace

std::string_view to_string(Role role) {
  const auto at = static_cast<std::size_t>(role);
  LANDER_CHECK(at < kRoleNames.size());
  return kRoleNames[at];
}

base::Result<Role> parse_role(std::string_view text) {
  for (std::size_t i = 0; i < kRoleNames.size(); ++i) {
    if (kRoleNames[i] == text) return static_cast<Role>(i);
  }
  return base::Error(base::Code::kInvalid,
                     "no role \"" + std::string(text.substr(0, 40)) +
                         "\": expected viewer, technician, operator or admin");
}

Role role_for(Right right) { return row_of(right).role; }

base::Status Scope::allows(Right right) const {
  const Row& row = row_of(right);
  if (role >= row.role) return {};
  return base::Error(base::Code::kDenied, std::string(row.doing) + " needs the role " +
                                              std::string(to_string(row.role)) + "; you are " +
                                              std::string(to_string(role)));
}

}  // namespace lander::access
