// The built console (console/dist), compressed, as read-only data.
#ifdef LANDER_CONSOLE
.section .rodata
.macro file name path
  .global \name\()_begin
  .global \name\()_end
\name\()_begin:
  .incbin "\path"
\name\()_end:
.endm
file lander_index_html "index.html.gz"
file lander_app_js "app.js.gz"
file lander_app_css "app.css.gz"
#endif
.section .note.GNU-stack,"",@progbits
