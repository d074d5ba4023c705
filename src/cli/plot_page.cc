#include "cli/plot_page.h"

namespace lander::cli {

// The data stand where it says /*DATA*/null.
const std::string_view kPlotPage = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Lander</title>
<style>
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--text:#1b2430;--dim:#5f6b7a;--line:#2563eb;--fill:#2563eb33;
--grid:#e6e9ee;--alarm:#dc2626;--wash:#dc262620;--mark:#b45309;--score:#475569;--edge:#e2e6ec}
@media(prefers-color-scheme:dark){:root{--back:#10151c;--card:#171e27;--text:#e6ebf2;--dim:#93a0b0;--line:#60a5fa;
--fill:#60a5fa38;--grid:#26303c;--alarm:#f87171;--wash:#f8717126;--mark:#fbbf24;--score:#a9b6c6;--edge:#2a3441}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1680px;margin:0 auto;padding:clamp(12px,2vw,28px)}
h1{font-size:clamp(17px,1.6vw,22px);margin:0 0 8px;overflow-wrap:anywhere;font-weight:650}
dl{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0 0 12px}
dl div{display:flex;gap:7px}dt{color:var(--dim)}dd{margin:0;font-variant-numeric:tabular-nums}
dd.bad{color:var(--alarm);font-weight:600}
.bar{display:flex;align-items:center;gap:10px;min-height:32px;color:var(--dim);font-size:12.5px;margin-bottom:6px;flex-wrap:wrap}
button{font:inherit;color:var(--text);background:var(--card);border:1px solid var(--edge);border-radius:7px;padding:4px 12px;cursor:pointer}
.at{font-variant-numeric:tabular-nums;color:var(--text)}button{margin-left:auto}button:disabled{visibility:hidden}
button:focus-visible,tr:focus-visible{outline:2px solid var(--line);outline-offset:1px}
.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:8px 0 2px;overflow:hidden}
.panel{position:relative}
.panel h2{font-size:12.5px;font-weight:600;margin:0;padding:3px 14px 0;display:flex;gap:6px;align-items:baseline}
.panel h2 span{color:var(--dim);font-weight:400}
.panel h2 b{margin-left:auto;font-weight:500;font-variant-numeric:tabular-nums;white-space:nowrap}
.panel h2 i{font-style:normal;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
canvas{display:block;width:100%;touch-action:pan-y;cursor:crosshair}
table{border-collapse:collapse;width:100%;margin-top:14px;background:var(--card);border:1px solid var(--edge);border-radius:10px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 14px;border-top:1px solid var(--grid);vertical-align:top}
th{color:var(--dim);font-weight:500;border:0}tbody tr{cursor:pointer}tbody tr:hover{background:var(--wash)}
td.n,th.n{text-align:right}
@media(max-width:600px){th,td{padding:6px 8px;font-size:12.5px}.wide{display:none}}
.key{display:inline-flex;align-items:center;gap:5px}.key::before{content:"";width:12px;height:10px;border-radius:2px;background:var(--wash);border:1px solid var(--alarm)}
.key.change::before{width:0;height:12px;border:0;border-left:2px dashed var(--mark);border-radius:0;background:none}
</style></head><body><main>
<h1></h1><dl></dl>
<div class="bar"><span class="key a">alarm</span><span class="key change">change</span><span class="hint"></span><span class="at"></span><button disabled>Whole series</button></div>
<div class="card"></div><div class="list"></div>
</main>
<script>
"use strict";
const data=/*DATA*/null;
const $=s=>document.querySelector(s),make=(name,text,cls)=>{const e=document.createElement(name);if(text!=null)e.textContent=text;if(cls)e.className=cls;return e};
const x=data.x,n=x.length,whole=[x[0],n>1?x[n-1]+(x[n-1]-x[0])/(n-1)*.01:x[0]+1];
let view=[...whole],hover=null,drag=null;
document.title=data.title+" · Lander";$("h1").textContent=data.title;
for(const[k,v]of data.facts){const d=make("div");d.append(make("dt",k),make("dd",v,k==="alarms"&&v!=="0"?"bad":""));$("dl").append(d)}
$(".hint").textContent=(data.each?"each point: "+data.each+" · ":"")+"drag to zoom";
$(".key.change").textContent=data.mark;if(!data.alarms.length)$(".key.a").hidden=true;if(!data.marks.length)$(".key.change").hidden=true;
for(const k of document.querySelectorAll(".key[hidden]"))k.style.display="none";
const number=v=>v==null?"–":Math.abs(v)>=1e5||(v!==0&&Math.abs(v)<1e-3)?v.toExponential(2):String(+v.toPrecision(5));
const two=v=>String(v).padStart(2,"0");
function moment(v,span){if(!data.times)return"row "+Math.round(v).toLocaleString("en");
 const d=new Date(v),day=d.getUTCFullYear()+"-"+two(d.getUTCMonth()+1)+"-"+two(d.getUTCDate()),t=two(d.getUTCHours())+":"+two(d.getUTCMinutes());
 return day+" "+t+(span===undefined||span<36e5*6?":"+two(d.getUTCSeconds()):"")}
const steps=[1,2,5,10,20,50,100,200,500,1e3,2e3,5e3,1e4,15e3,3e4,6e4,12e4,3e5,6e5,9e5,18e5,36e5,72e5,108e5,216e5,432e5,864e5,1728e5,6048e5,12096e5,2592e6,7776e6,31536e6];
function ticksX(width){const span=view[1]-view[0],most=Math.max(2,Math.floor(width/110));let step;
 if(data.times)step=steps.find(s=>span/s<=most)||31536e6*Math.ceil(span/31536e6/most);
 else{const raw=span/most,p=10**Math.floor(Math.log10(raw));step=Math.max(1,[1,2,5,10].map(k=>k*p).find(s=>s>=raw))}
 const out=[];for(let t=Math.ceil(view[0]/step)*step;t<=view[1];t+=step)out.push(t);return[out,step]}
function labelX(t,step){if(!data.times)return Math.round(t).toLocaleString("en");const d=new Date(t);
 if(step>=864e5||t%864e5===0)return d.toLocaleDateString("en",{timeZone:"UTC",day:"numeric",month:"short",year:step>=2592e6?"numeric":undefined});
 return two(d.getUTCHours())+":"+two(d.getUTCMinutes())+(step<6e4?":"+two(d.getUTCSeconds()):"")}
function ticksY(low,high){const raw=(high-low)/3,p=10**Math.floor(Math.log10(raw)),step=[1,2,5,10].map(k=>k*p).find(s=>s>=raw*.999),out=[];
 for(let t=Math.ceil(low/step)*step;t<=high;t+=step)out.push(Math.abs(t)<step/1e6?0:t);return out}
const index=v=>{let a=0,b=n-1;while(a<b){const m=(a+b+1)>>1;if(x[m]<=v)a=m;else b=m-1}return a};
const panels=data.panels.map((p,i)=>{const box=make("div",null,"panel"),head=make("h2"),canvas=make("canvas");
 head.append(make("i",p.title),make("span",p.unit),make("b"));box.append(head,canvas);$(".card").append(box);p.high=p.high||p.low;
 const last=i===data.panels.length-1,height=(p.score?150:p.names.length?Math.max(110,18*p.names.length+20):112)+(last?22:0);canvas.style.height=height+"px";
 return{p,canvas,height,last,value:head.lastChild}});
const left=w=>w<560?58:64;
let colours;
function draw(){const css=getComputedStyle(document.documentElement);colours=k=>css.getPropertyValue("--"+k).trim();for(const panel of panels)paint(panel)}
function paint({p,canvas,height,last}){
 const ratio=devicePixelRatio||1,w=canvas.clientWidth,c=canvas.getContext("2d");
 if(canvas.width!==Math.round(w*ratio)){canvas.width=Math.round(w*ratio)}
 if(canvas.height!==Math.round(height*ratio)){canvas.height=Math.round(height*ratio)}
 c.setTransform(ratio,0,0,ratio,0,0);c.clearRect(0,0,w,height);
 const l=p.names.length?Math.min(w*.34,150):left(w),r=w-12,top=6,bottom=height-(last?26:8),X=v=>l+(v-view[0])/(view[1]-view[0])*(r-l);
 let[lo,hi]=p.scale;
 if(!p.names.length&&(view[0]!==whole[0]||view[1]!==whole[1])){let a=Infinity,b=-Infinity;
  for(let i=Math.max(0,index(view[0]));i<n&&x[i]<=view[1];i++){if(p.low[i]!=null){a=Math.min(a,p.low[i]);b=Math.max(b,p.high[i])}}
  if(a<=b){const room=(b-a)*.06||Math.abs(b)*.05||.5;lo=Math.max(p.score?0:-Infinity,a-room);hi=b+room;if(p.limit!=null)hi=Math.max(hi,p.limit*1.25);if(p.score)lo=0}}
 const Y=v=>bottom-(Math.max(lo,Math.min(hi,v))-lo)/(hi-lo)*(bottom-top);
 c.font="11px system-ui,sans-serif";c.lineWidth=1;c.textBaseline="middle";
 const ys=p.names.length?p.names.map((_,i)=>i):ticksY(lo,hi);
 for(const t of ys){const y=Math.round(Y(t))+.5;c.strokeStyle=colours("grid");c.beginPath();c.moveTo(l,y);c.lineTo(r,y);c.stroke();c.fillStyle=colours("dim");c.textAlign="right";
  let text=p.names.length?p.names[t]:number(t);if(p.names.length){while(text.length>4&&c.measureText(text).width>l-16)text=text.slice(0,-2)+"…"}c.fillText(text,l-7,y)}
 const[xs,step]=ticksX(r-l);
 for(const t of xs){const at=Math.round(X(t))+.5;c.strokeStyle=colours("grid");c.beginPath();c.moveTo(at,top);c.lineTo(at,bottom);c.stroke();
  if(last){c.fillStyle=colours("dim");const text=labelX(t,step),half=c.measureText(text).width/2;if(at-half>2&&at+half<w-2){c.textAlign="center";c.fillText(text,at,bottom+15)}}}
 c.save();c.beginPath();c.rect(l,0,r-l,height);c.clip();
 for(const[a,b]of data.alarms){const from=X(a),to=Math.max(X(b),from+2);if(to<l||from>r)continue;
  const thin=to-from<3;c.fillStyle=colours(thin?"alarm":"wash");c.globalAlpha=thin?.5:1;c.fillRect(from,top,to-from,bottom-top)}
 c.globalAlpha=1;
 c.setLineDash([4,3]);c.strokeStyle=colours("mark");c.lineWidth=1.2;
 for(const[a]of data.marks){const at=Math.round(X(a))+.5;if(at<l||at>r)continue;c.beginPath();c.moveTo(at,top);c.lineTo(at,bottom);c.stroke()}
 if(p.limit!=null){c.strokeStyle=colours("alarm");c.beginPath();c.moveTo(l,Y(p.limit));c.lineTo(r,Y(p.limit));c.stroke()}
 c.setLineDash([]);
 const from=Math.max(0,index(view[0])-1),to=Math.min(n-1,index(view[1])+1),colour=colours(p.score?"score":"line"),band=p.middle;
 const dense=to-from>(r-l)*1.5;
 if(p.names.length){c.fillStyle=colour;for(let i=from;i<=to;i++){if(p.low[i]==null)continue;const a=X(x[i]),b=i<n-1?X(x[i+1]):a+2;c.fillRect(a,Y(p.high[i])-4,Math.max(1.5,b-a),Y(p.low[i])-Y(p.high[i])+8)}}
 else{const columns=[];let cur=null;
  for(let i=from;i<=to;i++){if(p.low[i]==null){cur=null;columns.push(null);continue}const at=dense?Math.round(X(x[i])):X(x[i]);
   if(cur&&dense&&cur[0]===at){cur[1]=Math.min(cur[1],p.low[i]);cur[2]=Math.max(cur[2],p.high[i]);if(band)cur[3]=band[i]}
   else{cur=[at,p.low[i],p.high[i],band?band[i]:0];columns.push(cur)}}
  const ranged=columns.some(k=>k&&k[1]!==k[2]);
  if(ranged){c.fillStyle=band?colours("fill"):colour;c.globalAlpha=band?1:.55;let run=[];
   const flush=()=>{if(run.length){c.beginPath();run.forEach(k=>c.lineTo(k[0],Y(k[2])));run.reverse().forEach(k=>c.lineTo(k[0],Y(k[1])+.6));c.closePath();c.fill()}run=[]};
   for(const k of columns)k?run.push(k):flush();flush();c.globalAlpha=1}
  c.strokeStyle=colour;c.lineWidth=ranged&&!band?1:1.5;c.lineJoin="round";
  const line=pick=>{let open=false;c.beginPath();for(const k of columns){if(!k){open=false;continue}open?c.lineTo(k[0],Y(pick(k))):c.moveTo(k[0],Y(pick(k)));if(!open){c.lineTo(k[0]+.01,Y(pick(k)))}open=true}c.stroke()};
  if(band)line(k=>k[3]);else if(ranged)line(k=>(k[1]+k[2])/2);else line(k=>k[1])}
 if(drag&&drag.to!=null){c.fillStyle=colours("fill");c.fillRect(Math.min(drag.from,drag.to),top,Math.abs(drag.to-drag.from),bottom-top)}
 if(hover!=null){const at=X(x[hover]);c.strokeStyle=colours("dim");c.lineWidth=1;c.beginPath();c.moveTo(at,top);c.lineTo(at,bottom);c.stroke();
  if(p.low[hover]!=null&&!p.names.length){c.fillStyle=colour;c.beginPath();c.arc(at,Y(band?band[hover]:p.high[hover]),3,0,7);c.fill()}}
 c.restore()}
function tell(){for(const{p,value}of panels){if(hover==null){value.textContent="";continue}const a=p.low[hover],b=p.high[hover];
  value.textContent=a==null?"missing":p.names.length?p.names[Math.round(b)]:p.middle?number(p.middle[hover])+" ("+number(a)+" … "+number(b)+")":a===b?number(a):number(a)+" … "+number(b)}
 const alarm=hover==null?null:data.alarms.find(s=>s[0]<=x[hover]&&x[hover]<=s[1]);
 $(".at").textContent=hover==null?"":moment(x[hover])+(alarm&&alarm[2]?" · alarm: "+alarm[2]:"")}
let waiting=false;const again=()=>{if(waiting)return;waiting=true;requestAnimationFrame(()=>{waiting=false;draw();tell()})};
const reset=$("button");
function zoom(a,b){const least=(whole[1]-whole[0])/Math.max(n,2)*3;if(b-a<least){const m=(a+b)/2;a=m-least/2;b=m+least/2}
 view=[Math.max(whole[0],a),Math.min(whole[1],b)];reset.disabled=view[0]===whole[0]&&view[1]===whole[1];again()}
reset.onclick=()=>zoom(...whole);
for(const{canvas,p}of panels){
 const span=()=>[p.names.length?Math.min(canvas.clientWidth*.34,150):left(canvas.clientWidth),canvas.clientWidth-12];
 const value=px=>{const[l,r]=span();return view[0]+(px-l)/(r-l)*(view[1]-view[0])},at=e=>e.clientX-canvas.getBoundingClientRect().left;
 canvas.onpointermove=e=>{const px=at(e),v=value(px);let i=index(v);if(i<n-1&&x[i+1]-v<v-x[i])i++;hover=v<view[0]||v>view[1]?null:i;if(drag)drag.to=px;again()};
 canvas.onpointerdown=e=>{if(e.pointerType!=="touch"&&e.button===0){drag={from:at(e),to:null};canvas.setPointerCapture(e.pointerId)}};
 canvas.onpointerup=()=>{if(drag&&drag.to!=null&&Math.abs(drag.to-drag.from)>5){const[a,b]=[value(drag.from),value(drag.to)].sort((u,v)=>u-v);zoom(a,b)}drag=null;again()};
 canvas.onpointerleave=()=>{if(!drag){hover=null;again()}};canvas.ondblclick=()=>zoom(...whole)}
if(data.alarms.length){const table=make("table"),head=make("thead"),body=make("tbody"),row=make("tr");
 row.append(make("th","Alarm"),make("th","Until","wide"),make("th","Peak","n"),make("th","Explained by"));head.append(row);table.append(head,body);
 for(const[a,b,text,peak]of data.alarms.slice(0,200)){const r=make("tr");r.tabIndex=0;
  r.append(make("td",moment(a)),make("td",moment(b),"wide"),make("td",number(peak),"n"),make("td",text||"–"));
  const go=()=>{const room=Math.max((b-a)*1.5,(whole[1]-whole[0])/60);zoom(a-room,b+room);scrollTo({top:0,behavior:"smooth"})};
  r.onclick=go;r.onkeydown=e=>{if(e.key==="Enter")go()};body.append(r)}
 $(".list").append(table);
 if(data.alarms.length>200)$(".list").append(make("p",(data.alarms.length-200)+" more alarms are in the table of scores."))}
addEventListener("resize",again);matchMedia("(prefers-color-scheme:dark)").addEventListener("change",again);draw();
</script></body></html>
)html";

}  // namespace lander::cli
