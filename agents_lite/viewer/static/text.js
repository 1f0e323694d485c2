"use strict";

// How times and numbers read.

function formatDuration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

// A mark on a time axis whose marks are `step` apart, both in ms.
function formatMark(ms, step) {
  if (step < 1000 && ms < 1000) return `${Number(ms.toPrecision(6))} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(Math.max(0, 3 - Math.floor(Math.log10(step))))} s`;
  const seconds = (ms / 1000) % 60;
  const digits = step < 1000 ? 3 - Math.floor(Math.log10(step)) : 0;
  const rest = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${Math.floor(ms / 60000)}:${rest} min`;
}

function formatNumber(number) {
  return number.toLocaleString("en-US");
}

function countOf(number, thing) {
  return `${formatNumber(number)} ${thing}${number === 1 ? "" : "s"}`;
}

function formatTokens(tokens) {
  return tokens ? `${formatNumber(tokens.input)} in · ${formatNumber(tokens.output)} out` : "";
}

function formatCost(dollars) {
  return typeof dollars === "number" ? `$${dollars.toFixed(4)}` : "";
}

function formatCached(tokens) {
  return tokens?.cached ? formatNumber(tokens.cached) : "";
}

function formatMoment(epochMs) {
  const options = { dateStyle: "medium", timeStyle: "medium" };
  return new Date(epochMs).toLocaleString(undefined, options);
}

// The beginning of a text, in one line.
function firstWords(text, limit = 140) {
  const line = String(text).slice(0, 4 * limit).replace(/\s+/g, " ").trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
