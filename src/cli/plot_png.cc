// A plot as a PNG, drawn by Cairo: for reports, and where no browser is.
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/plot.h"
#include "cli/text.h"
#include "table/cell.h"

namespace lander::cli {
namespace {

struct Colour {
  double red, green, blue, alpha = 1;
};
constexpr Colour kBack{1, 1, 1}, kText{0.11, 0.14, 0.19}, kDim{0.37, 0.42, 0.48},
    kGrid{0.9, 0.91, 0.93}, kLine{0.145, 0.388, 0.922}, kRange{0.145, 0.388, 0.922, 0.35},
    kScore{0.28, 0.33, 0.41}, kScoreRange{0.28, 0.33, 0.41, 0.4}, kAlarm{0.86, 0.15, 0.15},
    kWash{0.86, 0.15, 0.15, 0.13}, kMark{0.71, 0.33, 0.04};
constexpr double kWidth = 1600, kScaleOut = 1.5;  // pixels a unit: sharp on a screen and in print
constexpr double kLeft = 90, kRight = 24, kTop = 92, kTitle = 22, kScoreHeight = 150,
                 kPanelHeight = 110, kGap = 14, kBottom = 40;
constexpr std::size_t kNamedAlarms = 12;

struct Destroy {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};

class Drawing {
 public:
  Drawing(cairo_t* to, const Plot& plot) : to_(to), plot_(plot) {
    first_ = plot.x.front();
    last_ = plot.x.size() > 1 ? plot.x.back() : first_ + 1;
    if (!(last_ > first_)) last_ = first_ + 1;
  }

  void draw(double height) {
    colour(kBack);
    cairo_paint(to_);
    text(kLeft, 34, plot_.title, 19, kText, 0, true);
    std::string facts;
    for (const auto& [key, value] : plot_.facts)
      facts += (facts.empty() ? "" : "     ") + key + " " + value;
    text(kLeft, 60, facts, 12.5, kDim, 0);
    double y = kTop;
    for (const Panel& panel : plot_.panels) {
      const double tall = panel.score ? kScoreHeight : kPanelHeight;
      draw_panel(panel, y + kTitle, tall);
      y += kTitle + tall + kGap;
    }
    label_axis(height - kBottom + 8);
  }

 private:
  void colour(const Colour& c) { cairo_set_source_rgba(to_, c.red, c.green, c.blue, c.alpha); }
  // `align`: 0 begins at x, 1 ends there, 0.5 is around it.
  void text(double x, double y, const std::string& what, double size, const Colour& c, double align,
            bool bold = false) {
    cairo_select_font_face(to_, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(to_, size);
    cairo_text_extents_t extents;
    // Cairo draws nothing more after a text that is not UTF-8: the name of a file, say.
    const std::string shown = table::printable(clean(what), what.size());
    cairo_text_extents(to_, shown.c_str(), &extents);
    colour(c);
    cairo_move_to(to_, x - align * extents.x_advance, y);
    cairo_show_text(to_, shown.c_str());
  }
  void line(double x1, double y1, double x2, double y2, const Colour& c, double width) {
    colour(c);
    cairo_set_line_width(to_, width);
    cairo_move_to(to_, x1, y1);
    cairo_line_to(to_, x2, y2);
    cairo_stroke(to_);
  }
  double x_of(double value) const {
    return kLeft + (value - first_) / (last_ - first_) * (kWidth - kLeft - kRight);
  }

  void draw_panel(const Panel& panel, double top, double tall) {
    const Scale scale = scale_of(panel);
    const double bottom = top + tall;
    const auto y_of = [&](double value) {
      const double inside = std::clamp(value, scale.low, scale.high);
      return bottom - (inside - scale.low) / (scale.high - scale.low) * tall;
    };
    text(kLeft, top - 7, panel.title + (panel.unit.empty() ? "" : "  [" + panel.unit + "]"), 12.5,
         kText, 0, true);
    for (const double tick : scale.ticks) {
      line(kLeft, y_of(tick), kWidth - kRight, y_of(tick), kGrid, 1);
      const bool named = !panel.names.empty();
      text(kLeft - 8, y_of(tick) + 4,
           named ? table::printable(panel.names[static_cast<std::size_t>(tick)], 14)
                 : number_text(tick),
           11, kDim, 1);
    }
    for (std::size_t i = 0; i < plot_.alarms.size(); ++i) {
      const PlotSpan& span = plot_.alarms[i];
      const double from = x_of(span.from), to = std::max(x_of(span.to), from + 1.5);
      colour(kWash);
      cairo_rectangle(to_, from, top, to - from, tall);
      cairo_fill(to_);
      if (panel.score && i < kNamedAlarms) name_alarm(span, from, top);
    }
    const double dashes[] = {5, 4};
    cairo_set_dash(to_, dashes, 2, 0);
    for (const PlotMark& mark : plot_.marks)
      line(x_of(mark.at), top, x_of(mark.at), bottom, kMark, 1.2);
    if (panel.limit)
      line(kLeft, y_of(*panel.limit), kWidth - kRight, y_of(*panel.limit), kAlarm, 1.2);
    cairo_set_dash(to_, nullptr, 0, 0);
    draw_line(panel, y_of);
  }

  void name_alarm(const PlotSpan& span, double from, double top) {
    if (from < named_until_) return;  // names that would lie on each other stand in the table
    const std::string name = table::printable(span.text, 60);
    text(from, top - 6, name, 11, kAlarm, 0);
    cairo_text_extents_t extents;
    cairo_text_extents(to_, clean(name).c_str(), &extents);
    named_until_ = from + extents.x_advance + 12;
  }

  template <class ToY>
  void draw_line(const Panel& panel, ToY y_of) {
    const Colour strong = panel.score ? kScore : kLine;
    const std::size_t points = std::min(panel.low.size(), plot_.x.size());
    if (!panel.names.empty()) {
      colour(strong);
      for (std::size_t i = 0; i < points; ++i) {
        if (!std::isfinite(panel.low[i])) continue;
        const double from = x_of(plot_.x[i]);
        const double to = i + 1 < points ? x_of(plot_.x[i + 1]) : from + 2;
        const double high = y_of(static_cast<double>(panel.high[i]));
        const double low = y_of(static_cast<double>(panel.low[i]));
        cairo_rectangle(to_, from, high - 4, std::max(1.5, to - from), low - high + 8);
        cairo_fill(to_);
      }
      return;
    }
    for (std::size_t begin = 0; begin < points;) {  // from gap to gap
      if (!std::isfinite(panel.low[begin])) {
        ++begin;
        continue;
      }
      std::size_t end = begin;
      while (end < points && std::isfinite(panel.low[end])) ++end;
      draw_stretch(panel, begin, end, y_of, strong, panel.score ? kScoreRange : kRange);
      begin = end;
    }
  }

  template <class ToY>
  void draw_stretch(const Panel& panel, std::size_t begin, std::size_t end, ToY y_of,
                    const Colour& strong, const Colour& pale) {
    const auto low = [&](std::size_t i) { return static_cast<double>(panel.low[i]); };
    const auto high = [&](std::size_t i) { return static_cast<double>(panel.high[i]); };
    colour(pale);
    for (std::size_t i = begin; i < end; ++i) cairo_line_to(to_, x_of(plot_.x[i]), y_of(high(i)));
    for (std::size_t i = end; i-- > begin;)
      cairo_line_to(to_, x_of(plot_.x[i]), y_of(low(i)) + 0.6);
    cairo_close_path(to_);
    cairo_fill(to_);
    colour(strong);
    cairo_set_line_width(to_, 1.2);
    cairo_set_line_join(to_, CAIRO_LINE_JOIN_ROUND);
    for (std::size_t i = begin; i < end; ++i) {
      const double middle =
          panel.middle.empty() ? (low(i) + high(i)) / 2 : static_cast<double>(panel.middle[i]);
      cairo_line_to(to_, x_of(plot_.x[i]), y_of(middle));
    }
    cairo_stroke(to_);
  }

  void label_axis(double y) {
    constexpr int kLabels = 7;
    for (int i = 0; i < kLabels; ++i) {
      const double at = first_ + (last_ - first_) * i / (kLabels - 1);
      std::string label;
      if (plot_.times) {
        const auto whole = static_cast<base::TimeUs>(std::llround(at / 1000)) * base::kSecond;
        label = base::to_rfc3339(whole);
        label = label.substr(0, 10) + " " + label.substr(11, 8);
      } else {
        label = "row " + std::to_string(std::llround(at));
      }
      text(x_of(at), y, label, 11, kDim, i == 0 ? 0 : i == kLabels - 1 ? 1 : 0.5);
    }
  }

  cairo_t* to_;
  const Plot& plot_;
  double first_ = 0, last_ = 1, named_until_ = kLeft + 180;  // the panel's title
};

cairo_status_t append(void* to, const unsigned char* bytes, unsigned size) {
  auto* out = static_cast<base::Bytes*>(to);
  out->insert(out->end(), bytes, bytes + size);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

base::Result<base::Bytes> plot_png(const Plot& plot) {
  double height = kTop + kBottom;
  for (const Panel& panel : plot.panels)
    height += kTitle + kGap + (panel.score ? kScoreHeight : kPanelHeight);
  const std::unique_ptr<cairo_surface_t, Destroy> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(kWidth * kScaleOut),
                                 static_cast<int>(height * kScaleOut)));
  const std::unique_ptr<cairo_t, Destroy> context(cairo_create(surface.get()));
  cairo_scale(context.get(), kScaleOut, kScaleOut);
  if (!plot.x.empty()) Drawing(context.get(), plot).draw(height);
  base::Bytes out;
  cairo_status_t status = cairo_status(context.get());
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream(surface.get(), append, &out);
  if (status == CAIRO_STATUS_SUCCESS) return out;
  return base::Error(base::Code::kInternal,
                     std::string("drawing a PNG: ") + cairo_status_to_string(status));
}

}  // namespace lander::cli
